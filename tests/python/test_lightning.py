"""The callback for Lightning, in real training runs."""

import csv
import itertools
import math
import os
import pathlib
import subprocess
import sys
from typing import Any

import funcsim
import lightning
import pytest
import pytorch_lightning
import torch
from funcsim.integrations.lightning import DriftCallback, _callback_class
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from test_drift import ROWS, disturb, network
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

pytestmark = [
    # Lightning's own advice.
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec."),
    pytest.mark.filterwarnings("ignore::ResourceWarning:tensorboard.*"),
]

INPUTS = ROWS[:200]


def loader() -> DataLoader[Any]:
    rows = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    return DataLoader(TensorDataset(rows, (rows[:, 0] > 0).long()), batch_size=16)


class Training:
    """What a LightningModule of either package has."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: list[Tensor], _number: int) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], _number: int) -> None:
        self.log("accuracy", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 3e-3)


class Model(Training, lightning.LightningModule):
    def __init__(self, net: nn.Module | None = None) -> None:
        super().__init__()
        self.net = network() if net is None else net


class OlderModel(Training, pytorch_lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = network()


def trainer(tmp_path: pathlib.Path, *callbacks: Any, of: Any = lightning, **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "accelerator": "cpu", "max_epochs": 3, "default_root_dir": tmp_path, "logger": False,
        "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
    }  # fmt: skip
    return of.Trainer(callbacks=list(callbacks), **defaults | options)


class Recorder(lightning.Callback):
    """Sketches the network by itself, where the callback should."""

    def __init__(self) -> None:
        self.sketches: list[funcsim.NetworkSketch] = []

    def on_train_start(self, _trainer: Any, pl_module: Any) -> None:
        self.sketches.append(funcsim.sketch(pl_module.net, INPUTS))

    def on_train_epoch_end(self, _trainer: Any, pl_module: Any) -> None:
        self.sketches.append(funcsim.sketch(pl_module.net, INPUTS))


def test_epochs_are_logged(tmp_path: pathlib.Path) -> None:
    """To several loggers, with what comparisons of the network before and after each epoch give."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    callback, recorder = DriftCallback(INPUTS, module="net"), Recorder()
    loggers = [TensorBoardLogger(tmp_path, "board"), CSVLogger(tmp_path, "table")]
    run = trainer(tmp_path, callback, recorder, logger=loggers)
    run.fit(Model(), loader(), loader())
    events = EventAccumulator(loggers[0].log_dir)
    events.Reload()
    adjusted = {
        name: [event.value for event in events.Scalars(f"funcsim/{name}/adjusted")]
        for name in ("since_last", "since_start")
    }
    states = recorder.sketches
    assert len(states) == 4
    assert adjusted["since_last"] == [
        pytest.approx(funcsim.compare(then, now).adjusted) for then, now in itertools.pairwise(states)
    ]
    assert adjusted["since_start"] == [pytest.approx(funcsim.compare(states[0], now).adjusted) for now in states[1:]]
    steps = [event.step for event in events.Scalars("funcsim/since_last/layers/3")]
    assert steps == [3, 7, 11]  # Lightning's numbers of the last batches
    loggers[1].save()
    table = pathlib.Path(loggers[1].log_dir, "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert "funcsim/since_start/layers/0" in table[0].split(",")
    assert callback.drift is not None
    assert callback.drift.values["since_last/adjusted"] == pytest.approx(adjusted["since_last"][-1])


def test_training_goes_on_as_without(tmp_path: pathlib.Path) -> None:
    weights = []
    for callbacks in (
        [],
        [DriftCallback(INPUTS), DriftCallback(INPUTS, module="net", every_n_steps=1, prefix="step/")],
    ):
        model = Model()
        torch.manual_seed(3)
        trainer(tmp_path, *callbacks, max_epochs=2).fit(model, loader(), loader())
        weights.append(model.state_dict())
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name]), name


@pytest.mark.parametrize(("accumulate", "steps"), [(1, [3, 6]), (2, [3])])
def test_steps_are_logged(tmp_path: pathlib.Path, accumulate: int, steps: list[int]) -> None:
    """Whatever log_every_n_steps is; a step is one of the optimizer."""
    got: list[tuple[int, int]] = []

    class Logger(CSVLogger):
        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            if "funcsim/since_last/adjusted" in metrics:
                got.append((step or 0, len(metrics)))

    callback = DriftCallback(INPUTS, module="net", every_n_steps=3)
    run = trainer(tmp_path, callback, logger=Logger(tmp_path), max_epochs=2, accumulate_grad_batches=accumulate)
    run.fit(Model(), loader())
    assert got == [(step, 10) for step in steps]
    assert "funcsim/since_start/adjusted" in run.callback_metrics


def test_every_other_epoch(tmp_path: pathlib.Path) -> None:
    callback = DriftCallback(INPUTS, every_n_epochs=2)
    trainer(tmp_path, callback, max_epochs=3).fit(Model(), loader())
    assert callback.drift is not None
    assert callback.drift.step == 8
    # Read by hooks, names are those within the LightningModule.
    assert {"since_last/layers/net.0", "since_last/layers/net.3"} <= callback.drift.values.keys()


def test_callbacks_monitor_it(tmp_path: pathlib.Path) -> None:
    monitored = "funcsim/since_start/adjusted"
    stop = EarlyStopping(monitored, mode="max", patience=1, check_on_train_epoch_end=True)
    keep = ModelCheckpoint(tmp_path, monitor=monitored, mode="min", save_on_train_epoch_end=True)
    callback = DriftCallback(INPUTS, module="net")
    run = trainer(tmp_path, stop, callback, keep, enable_checkpointing=True, max_epochs=9)
    run.fit(Model(), loader(), loader())
    assert run.current_epoch == 2  # it only falls
    assert keep.best_model_score == pytest.approx(run.callback_metrics[monitored])


def test_a_network_that_diverges_is_stopped_by_early_stopping(tmp_path: pathlib.Path) -> None:
    class Diverges(Model):
        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 1:
                with torch.no_grad():
                    self.net[0].weight.fill_(math.nan)

    stop = EarlyStopping("funcsim/since_last/adjusted", mode="max", patience=9, check_on_train_epoch_end=True)
    run = trainer(tmp_path, stop, DriftCallback(INPUTS, module="net"), max_epochs=5)
    with pytest.warns(UserWarning, match="the network has diverged at step 8"):
        run.fit(Diverges(), loader())
    assert run.current_epoch == 2
    assert math.isnan(run.callback_metrics["funcsim/since_last/adjusted"])


def test_a_run_is_resumed(tmp_path: pathlib.Path) -> None:
    """It goes on from the sketches of the checkpoint, and so says what a run in one go says."""
    whole = DriftCallback(INPUTS, module="net")
    keep = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    run = trainer(tmp_path, whole, keep, enable_checkpointing=True, max_epochs=3)
    torch.manual_seed(3)
    run.fit(Model(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))), loader())
    assert whole.drift is not None

    resumed = DriftCallback(INPUTS, module="net")
    model = Model(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)))
    again = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    begun: list[funcsim.Drift | None] = []
    watch = lightning.pytorch.callbacks.LambdaCallback(on_train_start=lambda *_: begun.append(resumed.drift))
    trainer(tmp_path, resumed, again, watch, enable_checkpointing=True).fit(
        model, loader(), ckpt_path=tmp_path / "epoch=1.ckpt"
    )
    assert resumed.drift is not None
    assert resumed.drift.values == whole.drift.values
    assert begun[0] is not None
    assert begun[0].since_last is None  # the last sketch is the checkpoint's, also where that is from amid an epoch

    # A training that begins anew forgets; one that goes on with the same Trainer doesn't.
    first = trainer(tmp_path, resumed, max_epochs=1)
    first.fit(model, loader())
    assert resumed.drift.since_start is resumed.drift.since_last
    start = resumed.drift.start
    first.fit_loop.max_epochs = 2
    first.fit(model, loader())
    assert resumed.drift.start is start
    assert resumed.drift.since_start is not resumed.drift.since_last


def test_a_checkpoint_from_before_the_callback(tmp_path: pathlib.Path) -> None:
    model = Model()
    run = trainer(tmp_path, max_epochs=1)
    run.fit(model, loader())
    run.save_checkpoint(tmp_path / "old.ckpt")
    callback = DriftCallback(INPUTS)
    trainer(tmp_path, callback, max_epochs=2).fit(Model(), loader(), ckpt_path=tmp_path / "old.ckpt")
    assert callback.drift is not None
    assert callback.drift.since_start is callback.drift.since_last is not None


def test_fast_dev_run(tmp_path: pathlib.Path) -> None:
    run = trainer(tmp_path, DriftCallback(INPUTS), fast_dev_run=True)
    run.fit(Model(), loader(), loader())
    assert "funcsim/since_last/adjusted" in run.callback_metrics


def test_trainers_of_the_older_package_take_it(tmp_path: pathlib.Path) -> None:
    """A class has one base, and the Trainers of both packages take it in a list."""
    callback = DriftCallback(INPUTS, module="net")
    assert isinstance(callback, lightning.Callback)
    monitor = pytorch_lightning.callbacks.EarlyStopping("funcsim/since_last/adjusted", check_on_train_epoch_end=True)
    trainer(tmp_path, callback, monitor, of=pytorch_lightning, max_epochs=2).fit(OlderModel(), loader(), loader())
    assert callback.drift is not None
    assert callback.drift.step == 8


def test_the_base_class_is_that_of_the_package_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _callback_class() is lightning.Callback
    monkeypatch.delitem(sys.modules, "lightning.pytorch")
    assert _callback_class() is pytorch_lightning.Callback
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)  # as where it isn't installed
    assert _callback_class().__name__ == "Callback"
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(ImportError, match=r"^funcsim.integrations.lightning needs Lightning: pip install lightning$"):
        _callback_class()


TWO_PROCESSES = """
import pathlib, sys, warnings
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
import test_lightning as t
from lightning.pytorch.loggers import CSVLogger

warnings.simplefilter("ignore")
folder = pathlib.Path(sys.argv[2])


class Ends(t.lightning.Callback):
    def on_train_end(self, trainer, pl_module):
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items() if name != "accuracy"}
        metrics["computes"] = trainer.callbacks[0].drift is not None
        (folder / f"rank{trainer.global_rank}").write_text(repr(metrics), encoding="utf-8")


def run(inputs, **options):
    stop = t.EarlyStopping("funcsim/since_last/adjusted", mode="max", check_on_train_epoch_end=True)
    drift = t.DriftCallback(inputs, module="net", **options)
    of = t.trainer(folder, drift, stop, Ends(), strategy="ddp_fork", devices=2, max_epochs=2, logger=CSVLogger(folder))
    of.fit(t.Model(), t.loader(), t.loader())


run(t.INPUTS)
try:
    run(t.INPUTS[:, :7])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_two_processes(tmp_path: pathlib.Path) -> None:
    """The first computes; both have the numbers, and both end where it fails."""
    command = [sys.executable, "-c", TWO_PROCESSES, str(pathlib.Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    first, second = (eval((tmp_path / f"rank{rank}").read_text(encoding="utf-8")) for rank in (0, 1))
    assert (first.pop("computes"), second.pop("computes")) == (True, False)
    assert first == second
    assert len(first) == 10
    assert 0 < first["funcsim/since_start/adjusted"] < first["funcsim/since_last/adjusted"] < 1
    assert "expects inputs whose last dimension is 8" in done.stdout


def test_which_network(tmp_path: pathlib.Path) -> None:
    class Nested(Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleDict({"encoder": self.net})

    for module in ("parts.encoder", lambda pl_module: pl_module.net):
        callback = DriftCallback(INPUTS, module=module)
        trainer(tmp_path, callback, fast_dev_run=True).fit(Nested(), loader())
        assert callback.drift is not None
        assert callback.drift.sketch is not None
        assert callback.drift.sketch.read == "canonical form"


def test_options_and_inputs_from_the_trainer(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    reference = funcsim.sketch(network(4), DataLoader(INPUTS, 50), num_hashes=128, seed=5)
    callback = DriftCallback(
        lambda run: run.val_dataloaders, module="net", num_hashes=128, seed=5, prefix="d/", include="0"
    )
    run = trainer(tmp_path, callback, fast_dev_run=True)
    run.fit(Model(), loader(), DataLoader(TensorDataset(INPUTS, torch.zeros(200).long()), 50))
    assert callback.drift is not None
    assert callback.drift.sketch is not None
    assert callback.drift.sketch.settings.num_hashes == 128
    assert callback.drift.sketch.num_inputs == 200
    assert callback.drift.values.keys() >= {"since_last/layers/0"}
    assert "since_last/layers/3" not in callback.drift.values
    assert "d/since_last/adjusted" in run.callback_metrics
    callback = DriftCallback(INPUTS, module="net", reference=reference, num_hashes=128, seed=5)
    run = trainer(tmp_path, callback, fast_dev_run=True)
    run.fit(Model(), loader())
    assert "funcsim/to_reference/adjusted" in run.callback_metrics


class NoForward(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    training_step, configure_optimizers = Training.training_step, Training.configure_optimizers


@pytest.mark.parametrize(
    ("model", "module", "error", "message"),
    [
        (Model, "encoder", ValueError, r"module='encoder': Model has no such attribute. Its submodules are net$"),
        (Model, "configure_optimizers", TypeError, r"is a method; expected a torch.nn.Module"),
        (NoForward, None, ValueError, r"NoForward has no forward\(\): give module=, the name of the network in it"),
    ],
)
def test_what_is_no_network(tmp_path: pathlib.Path, model: Any, module: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        trainer(tmp_path, DriftCallback(INPUTS, module=module)).fit(model(), loader())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every_n_epochs": 0}, ValueError, "every_n_epochs must be at least 1, got 0"),
        ({"every_n_steps": -1}, ValueError, "every_n_steps must be at least 1, got -1"),
        ({"every_n_steps": 1.5}, TypeError, "every_n_steps must be an integer, got 1.5"),
        ({"every_n_steps": 1, "every_n_epochs": 1}, ValueError, "give every_n_epochs or every_n_steps, not both"),
        ({"module": 3}, TypeError, "module must be a name, a function of the LightningModule or None, got 3"),
        ({"inputs": iter([INPUTS])}, TypeError, "inputs are gone through each time: .* not an iterator"),
        ({"hashes": 3}, TypeError, "options are call, .*, seed, got hashes"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DriftCallback(**{"inputs": INPUTS} | arguments)


def test_two_callbacks_have_states_of_their_own(tmp_path: pathlib.Path) -> None:
    callbacks = [DriftCallback(INPUTS), DriftCallback(INPUTS, module="net", prefix="net/")]
    run = trainer(tmp_path, *callbacks, max_epochs=1)
    run.fit(Model(), loader())
    run.save_checkpoint(tmp_path / "both.ckpt")
    kept = torch.load(tmp_path / "both.ckpt", weights_only=True)["callbacks"]
    drifts = [funcsim.Drift.from_state_dict(kept[callback.state_key]) for callback in callbacks]
    assert [drift.sketch.layers[0].name for drift in drifts if drift.sketch] == ["net.0", "0"]


def test_fabric_logs_it(tmp_path: pathlib.Path) -> None:
    """Lightning's Fabric, whose users write their own loops."""
    fabric = lightning.Fabric(accelerator="cpu", loggers=CSVLogger(tmp_path, name="fabric"))
    model = network()
    fabric.setup_module(model)
    drift = funcsim.log_drift(model, INPUTS)
    disturb(model)
    drift = funcsim.log_drift(model, INPUTS, drift, to=fabric.log_dict, step=5)
    fabric.logger.save()
    with pathlib.Path(fabric.logger.log_dir, "metrics.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert {name: float(value) for name, value in row.items()} == {
        **{f"funcsim/{name}": pytest.approx(value) for name, value in drift.values.items()},
        "step": 5,
    }
