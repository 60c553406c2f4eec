"""Lightning: a callback that logs how far a network moves."""

import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from ..drift import Drift, log_drift
from ..settings import checked_integer
from ..sketch import NetworkSketch

# Of log_drift, handed on.
OPTIONS = {"num_hashes", "seed", "margin", "positions", "include", "exclude", "call"}


def _callback_class() -> Any:
    """The base class of callbacks: of the package that is in use, or else that is installed.

    It has two names, and one package's trainers take callbacks of the other one.
    """
    for name in ("lightning.pytorch", "pytorch_lightning"):
        if (package := sys.modules.get(name)) is not None:
            return package.Callback
    try:
        from lightning.pytorch import Callback  # noqa: PLC0415  # whichever there is
    except ImportError:
        try:
            from pytorch_lightning import Callback  # noqa: PLC0415
        except ImportError as error:
            raise ImportError("funcsim.integrations.lightning needs Lightning: pip install lightning") from error
    return Callback


class DriftCallback(_callback_class()):  # type: ignore[misc]  # of one package or the other
    """Logs by :func:`funcsim.log_drift` how far a network moved since it was last looked at and since the beginning.

    The beginning is that of the training: before its first batch the network is sketched. Numbers go to all loggers of
    the Trainer and are there for callbacks that monitor one, under ``prefix`` and the names that
    :func:`funcsim.log_drift` gives. With several processes, the first computes and all have the numbers. Checkpoints
    hold the sketches, so that a training that is resumed goes on from them; a training that begins anew forgets them.

    Attributes:
        drift: What :func:`funcsim.log_drift` returned the last time, in the first process. None before.
    """

    def __init__(
        self,
        inputs: Any,
        *,
        module: str | Callable[[Any], nn.Module] | None = None,
        every_n_epochs: int | None = None,
        every_n_steps: int | None = None,
        prefix: str = "funcsim/",
        reference: NetworkSketch | None = None,
        **options: Any,
    ):
        """Prepares to log.

        Args:
            inputs: A tensor or batches, as :func:`funcsim.compare` takes them, the same each time they are gone
                through; or a function of the Trainer that returns them, called once a training, for example ``lambda
                trainer: trainer.datamodule.val_dataloader()``.
            module: Which network: the name of a submodule of the LightningModule, such as "model" or "model.encoder",
                or a function of the LightningModule that returns one. None for the LightningModule itself, which is
                read by hooks; name a Sequential to have it read in canonical form.
            every_n_epochs: After how many epochs to log; 1 unless ``every_n_steps`` is given.
            every_n_steps: After how many optimizer steps to log, in place of epochs.
            prefix: Of the names in the logs. Several callbacks of one Trainer need different ones.
            reference: A fixed network to compare with, as in :func:`funcsim.log_drift`.
            options: ``num_hashes``, ``seed``, ``margin``, ``positions``, ``include``, ``exclude`` and ``call`` of
                :func:`funcsim.log_drift`.

        Raises:
            TypeError, ValueError: Inputs that can be gone through only once, both or no valid intervals.
        """
        super().__init__()
        if isinstance(inputs, Iterator):
            raise TypeError("inputs are gone through each time: give a tensor, a list or a DataLoader, not an iterator")
        if every_n_epochs is not None and every_n_steps is not None:
            raise ValueError("give every_n_epochs or every_n_steps, not both")
        for name, interval in (("every_n_epochs", every_n_epochs), ("every_n_steps", every_n_steps)):
            if interval is not None and checked_integer(name, interval) < 1:
                raise ValueError(f"{name} must be at least 1, got {interval}")
        if unknown := options.keys() - OPTIONS:
            raise TypeError(f"options are {', '.join(sorted(OPTIONS))}, got {', '.join(sorted(unknown))}")
        if module is not None and not isinstance(module, str) and not callable(module):
            raise TypeError(f"module must be a name, a function of the LightningModule or None, got {module!r}")
        self._inputs = inputs
        self._module = module
        self._every_n_steps = every_n_steps
        self._every_n_epochs = None if every_n_steps is not None else every_n_epochs or 1
        self._options = {"prefix": prefix, "reference": reference, **options}
        self._prefix = prefix
        self._given: Any = None  # the inputs, where a function gives them
        self._restored = False
        self._last_step = -1
        self.drift: Drift | None = None

    @property
    def state_key(self) -> str:
        """The name of the state in checkpoints."""
        return f"{type(self).__qualname__}({self._prefix})"

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {} if self.drift is None else self.drift.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a checkpoint kept."""
        if state_dict:
            self.drift = Drift.from_state_dict(state_dict)
            self._restored = True

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Sketches the network, unless a checkpoint brought a sketch."""
        self._last_step = trainer.global_step
        self._given = self._inputs(trainer) if callable(self._inputs) else self._inputs
        if not self._restored:
            if trainer.global_step == 0:
                self.drift = None
            self._values(trainer, pl_module)
        self._restored = False

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Logs, if it is time."""
        if self._every_n_epochs and (trainer.current_epoch + 1) % self._every_n_epochs == 0:
            pl_module.log_dict(self._values(trainer, pl_module), on_step=False, on_epoch=True, sync_dist=True)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Logs, if it is time."""
        step = trainer.global_step
        if not self._every_n_steps or step % self._every_n_steps or step == self._last_step:
            return
        self._last_step = step  # with accumulated gradients a step takes several batches
        values = self._values(trainer, pl_module)
        # Lightning hands loggers what is logged of steps every log_every_n_steps only, and these are few numbers.
        pl_module.log_dict(values, on_step=True, on_epoch=False, logger=False)
        for logger in trainer.loggers:
            logger.log_metrics(values, step=step)

    def _values(self, trainer: Any, pl_module: Any) -> dict[str, float]:
        """Where the network is, in the first process; what is to be logged, in all of them."""
        failure: Exception | None = None
        values: dict[str, float] = {}
        if trainer.is_global_zero:
            try:
                network = self._network(pl_module)
                self.drift = log_drift(
                    network, self._given, self.drift, to=_into(values), step=trainer.global_step, **self._options
                )
            except Exception as error:  # the other processes wait for the outcome, whatever it is
                failure = error
        message = None if failure is None else f"{type(failure).__name__}: {failure}"
        values, message = trainer.strategy.broadcast((values, message), src=0)
        if failure is not None:
            raise failure
        if message is not None:
            raise RuntimeError(f"DriftCallback, in the first process: {message}")
        return values

    def _network(self, pl_module: Any) -> nn.Module:
        network: Any = pl_module
        if callable(self._module):
            network = self._module(pl_module)
        elif self._module is not None:
            try:
                network = operator.attrgetter(self._module)(pl_module)
            except AttributeError as error:
                raise ValueError(
                    f"module={self._module!r}: {type(pl_module).__name__} has no such attribute. Its submodules are "
                    f"{', '.join(name for name, _ in pl_module.named_children())}"
                ) from error
        elif "call" not in self._options and not _has_forward(pl_module):
            raise ValueError(
                f"{type(pl_module).__name__} has no forward(): give module=, the name of the network in it"
            )
        if not isinstance(network, nn.Module):
            raise TypeError(f"module={self._module!r} is a {type(network).__name__}; expected a torch.nn.Module")
        return network


def _has_forward(pl_module: Any) -> bool:
    return not type(pl_module).forward.__module__.startswith(("lightning.pytorch.", "pytorch_lightning."))


def _into(values: dict[str, float]) -> Callable[[dict[str, float], int], None]:
    return lambda logged, _step: values.update(logged)
