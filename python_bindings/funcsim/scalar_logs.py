"""Where numbers of a training run are written: TensorBoard, Weights & Biases and others, by their own interfaces."""

import inspect
import logging
from typing import Any

EXPECTED = (
    "to must be a SummaryWriter (add_scalar), a run of wandb, a logger (log_metrics or log), a function of a dict and "
    "a step, or a list of such"
)


def checked_logs(to: Any) -> list[Any]:
    """The destinations that an option names; none for None.

    Raises:
        TypeError: It is of no known kind.
        ValueError: It is the package wandb, and no run is active.
    """
    destinations = [] if to is None else list(to) if isinstance(to, list | tuple) else [to]
    return [_checked(destination) for destination in destinations]


def write_scalars(destination: Any, values: dict[str, float], step: int, *, counted: bool) -> None:
    """Writes numbers to one destination.

    Args:
        destination: One that :func:`checked_logs` returned.
        values: The numbers by name.
        step: What they belong to.
        counted: Whether nobody gave the step. Runs of wandb, which have a step of their own, use that then.
    """
    if _has(destination, "add_scalar"):
        for name, value in values.items():
            destination.add_scalar(name, value, global_step=step)
    elif _has(destination, "log_metrics"):
        destination.log_metrics(values, step=step)
    elif _has(destination, "log"):
        destination.log(values, **({} if counted else {"step": step}))
    else:
        destination(values, step)


def _has(destination: Any, method: str) -> bool:
    return callable(getattr(destination, method, None))


def _checked(destination: Any) -> Any:
    if inspect.ismodule(destination) and destination.__name__ == "wandb":
        if destination.run is None:
            raise ValueError("to is the package wandb, and no run is active: call wandb.init() first")
        return destination.run
    if isinstance(destination, type | logging.Logger):
        raise TypeError(f"{EXPECTED}, got {destination!r}")
    if any(_has(destination, method) for method in ("add_scalar", "log_metrics", "log")) or callable(destination):
        return destination
    hint = "; give the writer itself, and not its folder" if isinstance(destination, str) else ""
    raise TypeError(f"{EXPECTED}, got {destination!r}{hint}")
