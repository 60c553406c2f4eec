"""How far apart two networks' predictions are."""

import torch
from torch import Tensor


def disagreement(a: Tensor, b: Tensor) -> float:
    """Share of inputs of which two networks' logits ``[inputs, classes]`` make different classes."""
    return float((a.argmax(dim=1) != b.argmax(dim=1)).double().mean())


def js_divergence(a: Tensor, b: Tensor) -> float:
    """Mean Jensen-Shannon divergence of the predicted distributions, in bits: 0 to 1."""
    log_a, log_b = (logits.double().log_softmax(dim=1) for logits in (a, b))
    log_middle = torch.logaddexp(log_a, log_b) - torch.log(torch.tensor(2.0, dtype=torch.float64))
    both = [(log.exp() * (log - log_middle)).sum(dim=1) for log in (log_a, log_b)]
    return float(((both[0] + both[1]) / 2).mean() / torch.log(torch.tensor(2.0, dtype=torch.float64)))
