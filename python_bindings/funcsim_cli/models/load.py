"""Loads networks and sketches."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from funcsim import NetworkSketch
from torch import nn

from ..errors import Problem
from ..imports import call_without_arguments, import_object, is_import_path, meant
from . import files
from .exported import load_exported
from .state_dicts import load_state_dict, put_into
from .torchscript import load_torchscript
from .torchvision_models import is_torchvision, make_torchvision

SOURCES = (
    "a TorchScript file, a .pt2 export, a sketch, WEIGHTS@ARCHITECTURE (a.safetensors@models:make), "
    "package.module:function, or torchvision:NAME"
)


@dataclass(frozen=True)
class LoadedModel:
    """A network or a sketch.

    Attributes:
        source: As the command line names it.
        network: The module, in eval mode, or the sketch.
    """

    source: str
    network: nn.Module | NetworkSketch

    @property
    def module(self) -> nn.Module:
        """The module.

        Raises:
            Problem: It is a sketch.
        """
        if isinstance(self.network, nn.Module):
            return self.network
        raise Problem(f"{self.source}", expected="a network", got="a sketch, which has no weights")

    @property
    def sequential(self) -> nn.Sequential:
        """The module, for what needs the canonical form.

        Raises:
            Problem: It is no Sequential.
        """
        module = self.module
        if isinstance(module, nn.Sequential):
            return module
        raise Problem(
            f"{self.source}",
            expected="a torch.nn.Sequential",
            got=f"a {type(module).__name__}",
            advice="Units are put in order, scaled and merged in Sequentials only; compare, layers and sketch take any "
            "network.",
        )

    @property
    def dtype(self) -> torch.dtype | None:
        """Of the network's parameters."""
        if not isinstance(self.network, nn.Module):
            return None
        floating = (tensor.dtype for tensor in self.network.parameters() if tensor.is_floating_point())
        return next(floating, None)


def load_models(
    sources: list[str], *, seed: int, device: str | None, trust_pickle: bool, sketches: bool = False
) -> list[LoadedModel]:
    """Loads several networks.

    Args:
        sources: As the command line names them.
        seed: Of random weights: the same source gives the same network.
        device: Where to put them; None leaves them where they are.
        trust_pickle: Whether files may be unpickled.
        sketches: Whether sketches will do.

    Raises:
        Problem: Says which can't be loaded and why.
    """
    place = None if device is None else checked_device(device)
    models = []
    for source in sources:
        network = load_model(source, seed=seed, trust_pickle=trust_pickle)
        loaded = LoadedModel(source, network)
        if isinstance(network, nn.Module):
            network.eval()
            if place is not None:
                network.to(place)
        elif not sketches:
            _ = loaded.module  # says that it is a sketch
        models.append(loaded)
    return models


def checked_device(name: str) -> torch.device:
    """The device of this name, on which a tensor has been made."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = files.first_line(error).partition(". ")[0]  # the rest lists all that PyTorch knows
        raise Problem(
            f"--device {name} can't be used" + ("" if why.startswith("Expected one of") else f" ({why})"),
            expected="cpu, cuda or cuda:N",
            advice="funcsim info lists the devices there are.",
        ) from None
    return device


def load_model(source: str, *, seed: int = 0, trust_pickle: bool = False) -> nn.Module | NetworkSketch:
    """Loads a network or a sketch.

    Raises:
        Problem: Says why it can't be loaded.
    """
    weights, at, architecture = source.partition("@")
    if at and not Path(source).exists():
        if not (weights and architecture):
            raise Problem(source, expected="WEIGHTS@ARCHITECTURE, such as a.safetensors@models:make", got=repr(source))
        network = make_architecture(architecture, seed)
        return put_into(network, load_state_dict(weights, trust_pickle), weights, architecture)
    if not Path(source).exists() and (is_torchvision(source) or is_import_path(source)):
        return make_architecture(source, seed)
    return _load_file(source, trust_pickle)


def make_architecture(source: str, seed: int) -> nn.Module:
    """A network of an architecture, its random weights drawn with a seed."""
    generator = torch.default_generator
    with torch.random.fork_rng(devices=[]):
        generator.manual_seed(seed)
        if is_torchvision(source):
            return make_torchvision(source)
        if not is_import_path(source):
            raise Problem(
                f"architecture {source}", expected="package.module:function or torchvision:NAME", got=repr(source)
            )
        made = import_object(source)
        generator.manual_seed(seed)  # again, as an import happens once
        if not isinstance(made, nn.Module) and callable(made):
            made = call_without_arguments(source, made, "a torch.nn.Module")
    if not isinstance(made, nn.Module):
        raise Problem(source, expected="a torch.nn.Module or a function that returns one", got=type(made).__name__)
    return made


def _load_file(source: str, trust_pickle: bool) -> nn.Module | NetworkSketch:
    if not source or not Path(source).exists():
        raise Problem(f"there is no file {source or repr(source)}", expected=SOURCES, advice=meant(source))
    kind = files.kind_of(source)
    if kind == files.TORCHSCRIPT:
        return load_torchscript(source)
    if kind == files.EXPORTED:
        return load_exported(source, trust_pickle)
    if kind == files.SKETCH:
        return NetworkSketch.load(source)
    if kind == files.SAFETENSORS:
        raise _needs_architecture(source)
    if kind in (files.TORCH_SAVE, files.PICKLE):
        loaded: Any = files.load_pickled(source, trust_pickle)
        if isinstance(loaded, nn.Module):
            return loaded
        raise _needs_architecture(source)
    raise Problem(source, expected=SOURCES, got=files.other_kind(source))


def _needs_architecture(source: str) -> Problem:
    return Problem(
        f"{source} holds weights and doesn't say which network they belong to",
        advice=f"Name it behind an @: {source}@package.module:function, where the function makes the network, or "
        f"{source}@torchvision:resnet18.",
    )
