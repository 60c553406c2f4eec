"""Networks of torchvision by name."""

import pickle
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import signature

from torch import nn

from ..errors import Problem
from .files import tensors_only

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
    if not weights_name:
        takes_backbone = "weights_backbone" in signature(models.get_model_builder(name)).parameters
        random: nn.Module = models.get_model(
            name, weights=None, **({"weights_backbone": None} if takes_backbone else {})
        )
        return random
    known = models.get_model_weights(name).__members__
    if weights_name not in known:
        raise Problem(f"torchvision:{name} has no weights {weights_name!r}", expected=", ".join(known))
    try:
        # By torchvision itself, as some networks are made in another way for their weights.
        with tensors_only():
            network: nn.Module = models.get_model(name, weights=known[weights_name])
    except OSError as error:
        raise Problem(
            f"the weights {weights_name} of torchvision:{name} can't be downloaded ({error})",
            advice="Where there is no network, put the file into the folder checkpoints of torch.hub.get_dir().",
        ) from error
    except pickle.UnpicklingError as error:
        raise Problem(f"the weights {weights_name} of torchvision:{name} hold more than tensors") from error
    return network
