"""Options of all commands that read networks on inputs, declared once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any

from . import options as o


@dataclass(frozen=True)
class Reading:
    """How networks and inputs are read. Attributes are the options of these names."""

    inputs: o.Inputs = None
    key: o.Key = None
    split: o.Split = None
    limit: o.Limit = None
    batch_size: o.BatchSize = 64
    image_size: o.ImageSize = 224
    transform: o.Transform = None
    positions: o.Positions = None
    margin: o.Margin = None
    trust_pickle: o.TrustPickle = False
    seed: o.Seed = None
    quiet: o.Quiet = False
    device: o.Device = None
    progress: o.Progress = True
    debug: o.Debug = False

    def __post_init__(self) -> None:
        """Checks what can be checked before anything is loaded."""
        o.read_positions(self.positions)

    @property
    def shows_progress(self) -> bool:
        """Whether a bar may be shown."""
        return self.progress and not self.quiet

    @property
    def given(self) -> dict[str, Any]:
        """What functions take that have defaults of their own, or a sketch's: None for what wasn't given."""
        return {"seed": self.seed, "margin": self.margin, "positions": o.read_positions(self.positions)}

    @property
    def given_or_default(self) -> dict[str, Any]:
        """What other functions take."""
        defaults = {"seed": 0, "margin": 0.0, "positions": 16}
        return defaults | {name: value for name, value in self.given.items() if value is not None}


LAST = ("seed", "quiet", "device", "progress", "debug")  # in help


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command, which takes a :class:`Reading`, the options that it is made of."""
    own = inspect.signature(command)
    shared = {field.name: (field.type, field.default) for field in fields(Reading)}

    def parameter(name: str) -> inspect.Parameter:
        annotation, default = shared[name]
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)

    parameters: list[inspect.Parameter] = []
    for given in own.parameters.values():
        if given.annotation is Reading:
            parameters += [parameter(name) for name in shared if name not in LAST]
        else:
            parameters.append(given.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    parameters += [parameter(name) for name in LAST]

    @wraps(command)
    def run(**values: Any) -> None:
        reading = Reading(**{name: values.pop(name) for name in shared})
        command(reading=reading, **values)

    # Typer asks for both.
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {given.name: given.annotation for given in parameters}
    return run
