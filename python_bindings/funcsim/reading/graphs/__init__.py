"""Networks that are graphs of functions, TorchScript and ``torch.export``, as modules again."""
