"""Networks from what the command line names.

| source | what it is |
|---|---|
| ``network.pt``, ``.ts`` | a TorchScript file (told by what is in it) |
| ``network.pt2`` | a program of ``torch.export`` |
| ``monday.safetensors`` | a sketch, as ``funcsim sketch`` writes |
| ``WEIGHTS@ARCHITECTURE`` | a state dict (``.safetensors``, or ``.pt`` of ``torch.save``) in a network |
| ``package.module:function`` | a network, or a function without arguments that returns one |
| ``torchvision:NAME`` | an architecture of torchvision with random weights |
| ``torchvision:NAME:WEIGHTS`` | with weights of torchvision's, such as ``DEFAULT``, downloaded on first use |

An architecture is one of the last three.
"""

from .load import LoadedModel, load_model, load_models

__all__ = ["LoadedModel", "load_model", "load_models"]
