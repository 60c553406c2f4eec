"""Networks and inputs of a command."""

from collections.abc import Iterable
from typing import Any

from funcsim import NetworkSketch
from torch import Tensor, nn

from .errors import Problem
from .inputs import InputOptions, load_inputs
from .models import LoadedModel, load_models
from .reading import Reading

Network = nn.Module | NetworkSketch
Batches = Tensor | Iterable[Any]


def load_networks(sources: list[str], reading: Reading, *, sketches: bool = False) -> list[LoadedModel]:
    """Networks, or sketches where these will do.

    Raises:
        Problem: One can't be loaded.
    """
    return load_models(
        sources,
        seed=reading.seed or 0,
        device=reading.device,
        trust_pickle=reading.trust_pickle,
        sketches=sketches,
    )


def load_pair(a: str, b: str, reading: Reading) -> tuple[Network, Network, Batches | None]:
    """Two networks or sketches, and inputs, which two sketches do without.

    Raises:
        Problem: Something can't be loaded; inputs are missing, or are given to two sketches.
    """
    models = load_networks([a, b], reading, sketches=True)
    sketches = all(isinstance(model.network, NetworkSketch) for model in models)
    if sketches and reading.inputs is not None:
        raise Problem(
            "two sketches are compared without inputs", got=f"--inputs {reading.inputs}", advice="Leave it out."
        )
    first, second = (model.network for model in models)
    return first, second, None if sketches else load_for(models, reading)


def load_for(models: list[LoadedModel], reading: Reading) -> Batches:
    """The inputs that networks are run on.

    Raises:
        Problem: They are missing or can't be loaded.
    """
    if reading.inputs is None:
        raise Problem(
            "no inputs",
            expected="--inputs with inputs such as the networks are meant for, some thousand",
            advice="funcsim help inputs lists what they can be.",
        )
    dtype = next((model.dtype for model in models if model.dtype is not None), None)
    options = InputOptions(
        key=reading.key,
        split=reading.split,
        limit=reading.limit,
        batch_size=reading.batch_size,
        image_size=reading.image_size,
        transform=reading.transform,
        seed=reading.seed or 0,
        trust_pickle=reading.trust_pickle,
    )
    return load_inputs(reading.inputs, options, dtype)
