"""What of a module isn't compared, or is and may not be wanted: for notes."""

from collections.abc import Collection, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.rnn import RNNBase, RNNCellBase
from torch.nn.utils.parametrize import ParametrizationList

from .batches import named_tensors
from .module_calls import AffineCall, is_affine, is_normalisation

LAYERS = (RNNBase, RNNCellBase, nn.Embedding, nn.EmbeddingBag, nn.Bilinear)


def unseen_parameters(names: dict[nn.Module, str], inside: Collection[nn.Module]) -> list[str]:
    """Layers of other kinds than affine, and matrices that a module holds itself.

    Args:
        names: Of all modules.
        inside: Modules that other notes speak of.
    """
    seen = {id(parameter) for module in names if is_affine(module) for parameter in module.parameters()}
    found = []
    for module, name in names.items():
        if module in inside or is_affine(module) or is_normalisation(module) or isinstance(module, ParametrizationList):
            continue
        if isinstance(module, LAYERS):
            found.append(f"{name} ({type(module).__name__})" if name else type(module).__name__)
            continue
        found += [
            f"{name}.{own} (parameter)" if name else f"{own} (parameter)"
            for own, parameter in module.named_parameters(recurse=False)
            if id(parameter) not in seen and sum(size > 1 for size in parameter.shape) > 1
        ]
    return found


def returned(calls: Sequence[AffineCall], outputs: Any) -> list[str]:
    """Names of the calls whose pre-activations are among what the module returned, as they are or as views of all."""
    places = {(tensor.data_ptr(), tensor.numel()) for _, tensor in named_tensors(outputs) if tensor.numel()}
    return [
        call.name
        for call in calls
        if isinstance(call.output, Tensor) and (call.output.data_ptr(), call.output.numel()) in places
    ]
