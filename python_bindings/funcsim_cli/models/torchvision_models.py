"""Networks of torchvision by name."""

from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from torch import nn

from ..errors import Problem

PREFIX = "torchvision:"


def is_torchvision(source: str) -> bool:
    """Whether a source names a network of torchvision."""
    return source.startswith(PREFIX)


def need_torchvision(what: str) -> None:
    """Checks that torchvision is there.

    Raises:
        Problem: It isn't.
    """
    if find_spec("torchvision") is None:
        raise Problem(f"{what} needs torchvision, which is not installed", advice="pip install torchvision.")


def make_torchvision(source: str) -> nn.Module:
    """The network that ``torchvision:NAME`` or ``torchvision:NAME:WEIGHTS`` names.

    Raises:
        Problem: There is no such network, or there are no such weights.
    """
    need_torchvision(source)
    from torchvision import models  # optional

    name, _, weights_name = source.removeprefix(PREFIX).partition(":")
    if name not in models.list_models():
        close = get_close_matches(name, models.list_models(), n=3)
        raise Problem(
            f"torchvision has no network {name!r}", advice=f"Did you mean {' or '.join(close)}?" if close else ""
        )
    network: nn.Module = models.get_model(name, weights=None)
    if weights_name:
        network.load_state_dict(_weights(models, name, weights_name))
    return network


def _weights(models: Any, name: str, weights_name: str) -> dict[str, Any]:
    known = models.get_model_weights(name)
    if weights_name not in known.__members__:
        raise Problem(f"torchvision:{name} has no weights {weights_name!r}", expected=", ".join(known.__members__))
    try:
        state: dict[str, Any] = known[weights_name].get_state_dict(progress=True, check_hash=True, weights_only=True)
    except OSError as error:
        raise Problem(
            f"the weights {weights_name} of torchvision:{name} can't be downloaded ({error})",
            advice="Where there is no network, put the file into the folder checkpoints of torch.hub.get_dir().",
        ) from error
    return state
