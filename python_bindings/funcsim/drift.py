"""How far a network moves while it is trained."""

import math
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .compare import compare
from .comparison import Comparison
from .reading.feeding import Call
from .reading.inputs import Inputs
from .reading.layer_choice import Names
from .reading.run_errors import NaNFound
from .scalar_logs import checked_logs, write_scalars
from .settings import INT64, Positions, checked_integer
from .sketch import NetworkSketch, sketch

# What a network is compared with, as it is called in logs.
LAST, START, REFERENCE = "since_last", "since_start", "to_reference"


@dataclass(frozen=True, eq=False, repr=False)
class Drift:
    """Where a network is, and how far it came: what :func:`log_drift` returns, and is given the next time.

    Attributes:
        step: The step of this call.
        sketch: The network as it was; where it had diverged, as it was before. None as long as there was none to keep.
        start: The network at the first call.
        since_last: This network, as b, compared with that of the call before, as a. None at the first call.
        since_start: Compared with that of the first call.
        to_reference: Compared with the reference; None where none was given.
        values: The numbers that were logged, by name without the prefix. NaN where the network had diverged.
        diverged: What was wrong with a network that couldn't be read; None where all is well.
    """

    step: int
    sketch: NetworkSketch | None
    start: NetworkSketch | None
    since_last: Comparison | None
    since_start: Comparison | None
    to_reference: Comparison | None
    values: dict[str, float]
    diverged: str | None = None

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`from_state_dict` needs, as a dict of integers and tensors: to be saved with a checkpoint.

        ``torch.load(..., weights_only=True)`` reads it. It takes ``16 * num_hashes`` bytes for each hidden unit.
        """
        sketches = {"sketch": self.sketch, "start": self.start}
        return {
            "version": 1,
            "step": self.step,
            **{name: _as_bytes(kept) for name, kept in sketches.items() if kept is not None},
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "Drift":
        """The drift to go on from after a restart. Its comparisons aren't kept.

        Args:
            state: What :meth:`state_dict` returned.

        Raises:
            ValueError: It is something else, or damaged.
        """
        if not isinstance(state, dict) or state.get("version") != 1 or type(state.get("step")) is not int:
            raise ValueError("state must be what Drift.state_dict() returned, of version 1 of its form")
        kept = {name: _from_bytes(state[name]) for name in ("sketch", "start") if name in state}
        return cls(state["step"], kept.get("sketch"), kept.get("start"), None, None, None, {})

    def __str__(self) -> str:
        """One line."""
        if self.diverged is not None:
            return f"step {self.step}: diverged ({self.diverged})"
        found = [
            f"{comparison.adjusted:.4f} {name.replace('_', ' ')}"
            for name, comparison in (
                (LAST, self.since_last),
                (START, self.since_start),
                (REFERENCE, self.to_reference),
            )
            if comparison is not None
        ]
        return f"step {self.step}: " + (f"adjusted {', '.join(found)}" if found else "first sketch")

    __repr__ = __str__


def log_drift(
    model: nn.Module,
    inputs: Inputs,
    last: Drift | None = None,
    *,
    to: Any = None,
    step: int | None = None,
    prefix: str = "funcsim/",
    reference: NetworkSketch | None = None,
    num_hashes: int = 1024,
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    include: Names | None = None,
    exclude: Names | None = None,
    call: Call | None = None,
) -> Drift:
    """Logs how far a network moved since the last call and since the first, for any training loop.

    The network is sketched, and the sketch compared with earlier ones, which are all that is kept. It is left exactly
    as it is: modes, gradients, hooks, buffers and the random state, so that training goes on as without
    (docs/training.md).

    Logged are, of each comparison, ``since_last/adjusted``, ``since_last/score``, ``since_last/chance`` and the
    adjusted score of every layer, ``since_last/layers/NAME``; likewise ``since_start/...``, and ``to_reference/...``
    where a reference is given.

    In a run of several processes, call it in one of them: it needs no other.

    Args:
        model: A ``torch.nn.Module``, as :func:`compare` takes it.
        inputs: A tensor or batches, as :func:`compare` takes them: the same at each call, in the same order.
        last: What the call before returned; None begins.
        to: Where to log: a ``SummaryWriter`` of ``torch.utils.tensorboard`` or tensorboardX; a run of wandb, or the
            package where a run is active; what has a method ``log_metrics`` or ``log`` of a dict and ``step=``, as
            loggers of Lightning and the package mlflow; a function of a dict and the step; a list of several. None
            logs nothing.
        step: Epoch, batch or whatever the logs are ordered by. None counts calls from 0, and leaves the step to a run
            of wandb.
        prefix: Of the names in the logs.
        reference: A fixed network, for example the one before fine-tuning, as :func:`sketch` makes it from the same
            inputs. Its layers may be others.
        num_hashes: As in :func:`sketch`, and so are the next six. They are the same at each call.
        seed: Of sketches, points and shuffle.
        margin: A unit fires where its canonical pre-activation is above this.
        positions: Samples an input.
        include: Names of hidden layers.
        exclude: Names of hidden layers.
        call: Runs the model on a batch.

    Returns:
        Where the network is now, with the comparisons: the next call's ``last``.

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`sketch`; and for a destination of unknown kind, a network whose
            hidden layers are others than before, other inputs or options than before, and networks whose parameters
            are spread over processes.

    Warns:
        UserWarning: The network has diverged: NaN on the way to a hidden layer. NaN is logged, the sketches from before
            are kept, and nothing is raised, unless it is the first call and all weights are finite. NaN in the inputs
            is an error.
    """
    destinations = checked_logs(to)
    _check_arguments(last, step, prefix, reference)
    _check_whole(model)
    counted = step is None
    number = (0 if last is None else last.step + 1) if step is None else checked_integer("step", step)
    began = last is not None and last.sketch is not None
    try:
        now = sketch(
            model,
            inputs,
            num_hashes=num_hashes,
            seed=seed,
            margin=margin,
            positions=positions,
            include=include,
            exclude=exclude,
            call=call,
            progress=False,
        )
    except NaNFound as error:
        if not (began or _has_infinite(model)):
            raise
        drift = _diverged(last, number, reference, str(error))
    else:
        drift = _measured(now, last, number, reference)
    values = {f"{prefix}{name}": value for name, value in drift.values.items()}
    if values:
        for destination in destinations:
            write_scalars(destination, values, number, counted=counted)
    return drift


def _measured(now: NetworkSketch, last: Drift | None, step: int, reference: NetworkSketch | None) -> Drift:
    sketch_then = None if last is None else last.sketch
    start = now if last is None or last.start is None else last.start
    since_last = since_start = to_reference = None
    if sketch_then is not None:
        _check_same_network(sketch_then, now)
        since_last = _compared("the call before", sketch_then, now)
        since_start = since_last if start is sketch_then else _compared("the first call", start, now)
    if reference is not None:
        to_reference = _compared("the reference", reference, now)
    found = {LAST: since_last, START: since_start, REFERENCE: to_reference}
    values = {
        f"{name}/{number}": value
        for name, comparison in found.items()
        if comparison is not None
        for number, value in _numbers(comparison).items()
    }
    return Drift(step, now, start, since_last, since_start, to_reference, values)


def _numbers(comparison: Comparison) -> dict[str, float]:
    whole = {name: getattr(comparison, name) for name in ("adjusted", "score", "chance")}
    return whole | {f"layers/{layer.name_b}": layer.adjusted for layer in comparison.layers}


def _diverged(last: Drift | None, step: int, reference: NetworkSketch | None, error: str) -> Drift:
    warnings.warn(f"the network has diverged at step {step}, and NaN is logged as its drift: {error}", stacklevel=3)
    before = None if last is None else last.sketch
    names = [] if before is None else [LAST, START]
    names += [] if reference is None else [REFERENCE]
    layers = [] if before is None else [f"layers/{layer.name}" for layer in before.layers]
    values = {f"{name}/{number}": math.nan for name in names for number in ("adjusted", "score", "chance", *layers)}
    start = None if last is None else last.start
    return Drift(step, before, start, None, None, None, values, error)


def _compared(what: str, then: NetworkSketch, now: NetworkSketch) -> Comparison:
    if then.settings != now.settings:
        raise ValueError(
            f"drift is measured with the same options each time, got {now.settings}, and of {what} {then.settings}"
        )
    if (then.num_inputs, then.inputs_sha256) != (now.num_inputs, now.inputs_sha256):
        raise ValueError(
            f"drift is measured on the same inputs in the same order each time, got {now.num_inputs} inputs (SHA-256 "
            f"{now.inputs_sha256[:8]}…), and of {what} {then.num_inputs} ({then.inputs_sha256[:8]}…). Does a "
            f"DataLoader shuffle, or change its images at random?"
        )
    return compare(then, now, None, details=False)


def _check_same_network(then: NetworkSketch, now: NetworkSketch) -> None:
    layers = [[(layer.name, layer.units) for layer in kept.layers] for kept in (then, now)]
    if layers[0] != layers[1]:
        texts = [", ".join(f"{name} ({units} units)" for name, units in part) for part in layers]
        raise ValueError(
            f"last is the drift of another network: its hidden layers are {texts[0]}, and the model's {texts[1]}. "
            f"Begin with last=None, or compare with another network by reference="
        )


def _check_arguments(last: object, step: object, prefix: object, reference: object) -> None:
    if last is not None and not isinstance(last, Drift):
        raise TypeError(f"last must be what log_drift returned the last time, or None, got {type(last).__name__}")
    if step is not None and checked_integer("step", step) not in INT64:
        raise ValueError(f"step must fit 64 bits, got {step}")
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a string, got {prefix!r}")
    if reference is not None and not isinstance(reference, NetworkSketch):
        hint = "; funcsim.sketch(network, inputs) makes one" if isinstance(reference, nn.Module) else ""
        raise TypeError(f"reference must be a NetworkSketch, got {type(reference).__name__}{hint}")


def _check_whole(model: nn.Module) -> None:
    """Checks that no process holds only a part of the parameters: to run such a module takes all processes."""
    if not isinstance(model, nn.Module):
        return  # sketch() says so
    # By name: none of these packages is imported for it. DeepSpeed marks the parameters that it spreads.
    spread = [
        *(f"module {name}" for name, part in model.named_modules() if _is_a(part, "FullyShardedDataParallel")),
        *(f"parameter {name}" for name, part in model.named_parameters() if _is_a(part, "DTensor")),
        *(f"parameter {name}" for name, part in model.named_parameters() if hasattr(part, "ds_id")),
    ]
    if spread:
        raise ValueError(f"{spread[0]} is spread over processes, and drift is measured of whole networks")


def _is_a(value: object, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(value).__mro__)


def _has_infinite(model: nn.Module) -> bool:
    """Whether a parameter or buffer holds NaN or an infinity."""
    with torch.no_grad():
        tensors = [*model.parameters(), *model.buffers()]
        return any(tensor.is_floating_point() and not bool(tensor.isfinite().all()) for tensor in tensors)


def _as_bytes(kept: NetworkSketch) -> Tensor:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sketch.safetensors"
        kept.save(file)
        return torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.uint8)


def _from_bytes(content: Any) -> NetworkSketch:
    if not isinstance(content, Tensor) or content.dtype != torch.uint8 or content.dim() != 1:
        raise ValueError("state must hold sketches as uint8 tensors, as Drift.state_dict() gives them")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sketch.safetensors"
        file.write_bytes(content.cpu().numpy().tobytes())
        try:
            return NetworkSketch.load(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), "a sketch in state")) from error
