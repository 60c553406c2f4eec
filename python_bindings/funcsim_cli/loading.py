"""Networks and inputs of a command."""

from collections.abc import Iterable
from typing import Any

from funcsim import NetworkSketch
from torch import Tensor, nn

from .errors import Problem
from .inputs import InputOptions, load_inputs
from .models import LoadedModel, load_models

Network = nn.Module | NetworkSketch
Batches = Tensor | Iterable[Any]


def load_pair(
    a: str, b: str, inputs: str | None, options: InputOptions, device: str | None
) -> tuple[Network, Network, Batches | None]:
    """Two networks or sketches, and inputs, which two sketches do without.

    Raises:
        Problem: Something can't be loaded; inputs are missing, or are given to two sketches.
    """
    models = load_models([a, b], seed=options.seed, device=device, trust_pickle=options.trust_pickle, sketches=True)
    sketches = all(isinstance(model.network, NetworkSketch) for model in models)
    if sketches and inputs is not None:
        raise Problem("two sketches are compared without inputs", got=f"--inputs {inputs}", advice="Leave it out.")
    first, second = (model.network for model in models)
    return first, second, None if sketches else load_for(models, inputs, options)


def load_for(models: list[LoadedModel], inputs: str | None, options: InputOptions) -> Batches:
    """The inputs that networks are run on.

    Raises:
        Problem: They are missing or can't be loaded.
    """
    if inputs is None:
        raise Problem(
            "no inputs",
            expected="--inputs with inputs such as the networks are meant for, some thousand",
            advice="funcsim help inputs lists what they can be.",
        )
    dtype = next((model.dtype for model in models if model.dtype is not None), None)
    return load_inputs(inputs, options, dtype)
