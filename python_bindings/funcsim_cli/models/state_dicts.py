"""State dicts from files, and networks that they are put into."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from funcsim.reading.hidden_calls import listed
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..errors import Problem
from ..imports import meant
from . import files

# Under which checkpoints keep the state dict beside other things.
NAMES = ("state_dict", "model_state_dict", "model", "network", "net")
# What wrappers put before names.
PREFIXES = ("module.", "_orig_mod.")
_WEIGHTS = "weights, a .safetensors or .pt file, before the @"
SHOWN = 3  # names in a message


def load_state_dict(path: str, trust_pickle: bool) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of one that ``torch.save`` wrote, by name.

    Raises:
        Problem: There are none.
    """
    if not Path(path).exists():
        raise Problem(f"there is no file {path}", expected=_WEIGHTS, advice=meant(path))
    kind = files.kind_of(path)
    if kind in (files.SAFETENSORS, files.SKETCH):
        if kind == files.SKETCH:
            raise Problem(path, expected="weights before the @", got="a sketch, which needs no architecture")
        try:
            return load_file(path)
        except SafetensorError as error:
            raise Problem(f"{path} is damaged ({error})") from error
    if kind == files.TORCHSCRIPT:
        raise Problem(
            path,
            expected="weights before the @",
            got="a TorchScript file, which has its architecture in it",
            advice=f"Give {path} alone.",
        )
    if kind not in (files.TORCH_SAVE, files.PICKLE):
        raise Problem(path, expected=_WEIGHTS, got=files.other_kind(path))
    loaded = files.load_pickled(path, trust_pickle)
    if isinstance(loaded, nn.Module):
        return dict(loaded.state_dict())
    state = _state_dict_in(loaded)
    if state is None:
        got = f"keys {', '.join(map(repr, list(loaded)[:8]))}" if isinstance(loaded, Mapping) else type(loaded).__name__
        raise Problem(
            path, expected=f"a state dict, or one under {', '.join(map(repr, NAMES))}", got=got
        )  # fmt: skip
    return state


def is_state_dict(path: str) -> bool:
    """Whether a file holds a state dict and nothing else."""
    kind = files.kind_of(path)
    if kind not in (files.TORCH_SAVE, files.PICKLE):
        return kind == files.SAFETENSORS
    try:
        loaded = files.load_pickled(path, trust_pickle=False)
    except Problem:
        return False
    return isinstance(loaded, Mapping) and all(isinstance(value, Tensor) for value in loaded.values())


def _state_dict_in(loaded: Any) -> dict[str, Tensor] | None:
    if not isinstance(loaded, Mapping):
        return None
    if loaded and all(isinstance(value, Tensor) for value in loaded.values()):
        return {str(name): tensor for name, tensor in loaded.items()}
    for name in NAMES:
        if (state := _state_dict_in(loaded.get(name))) is not None:
            return state
    return None


def put_into(network: nn.Module, state: dict[str, Tensor], weights: str, architecture: str) -> nn.Module:
    """Gives a network the tensors of a state dict.

    Raises:
        Problem: They don't fit; says which.
    """
    wanted = network.state_dict()
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state) and not any(name.startswith(prefix) for name in wanted):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    state = _pruned(state, wanted)
    # Counters of batches, which nothing here reads, came later than some files.
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    surplus = [name for name in state if name not in wanted]
    shapes = [
        f"{name} {list(state[name].shape)} for {list(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    wrong = [
        f"{what} {listed(names, SHOWN)}"
        for what, names in (("lacks", missing), ("also has", surplus), ("has", shapes))
        if names
    ]
    if wrong:
        raise Problem(
            f"the weights in {weights} don't fit {architecture}",
            expected=f"the {len(wanted)} tensors of its state dict",
            got=f"a file that {' and '.join(wrong)}",
            advice=_PARAMETRIZED if any("parametrizations." in name for name in surplus) else _OTHER,
        )
    dtypes = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    if len(dtypes) == 1:
        network.to(dtypes.pop())
    network.load_state_dict({name: state.get(name, tensor) for name, tensor in wanted.items()})
    return network


_OTHER = "Is it the architecture that they were trained in?"
_PARAMETRIZED = (
    "They are of layers with parametrizations: save them after torch.nn.utils.parametrize.remove_parametrizations, or "
    "name a function that makes the network with them."
)


def _pruned(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters that ``torch.nn.utils.prune`` has split: what is left of them, where a network has them in one."""
    state = dict(state)
    for name in list(state):
        whole = name.removesuffix("_orig")
        mask = f"{whole}_mask"
        if whole != name and whole in wanted and mask in state and whole not in state:
            state[whole] = state.pop(name) * state.pop(mask)
    return state


def save_state_dict(network: nn.Module, path: Path) -> None:
    """Writes a network's state dict as a safetensors file, or by ``torch.save`` where it doesn't end in that."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
