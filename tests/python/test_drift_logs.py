"""Where drift is logged: the real TensorBoard, wandb offline, and whatever has their methods."""

import inspect
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import funcsim
import pytest
import torch
from test_drift import ROWS, Records, disturb, network
from torch import nn
from torch.utils.tensorboard import SummaryWriter


def three_steps(to: Any, steps: tuple[int | None, ...] = (100, 200, 300)) -> list[dict[str, float]]:
    """Logs drift three times. Returns what was logged, by the names in the logs."""
    model, drift, values = network(), None, []
    for step in steps:
        drift = funcsim.log_drift(model, ROWS, drift, to=to, step=step)
        values.append({f"funcsim/{name}": value for name, value in drift.values.items()})
        disturb(model)
    return values


def test_tensorboard(tmp_path: pathlib.Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with SummaryWriter(tmp_path) as writer:
        _, second, third = three_steps(writer)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == sorted(second)
    for name in second:
        got = [(event.step, event.value) for event in events.Scalars(name)]
        assert got == [(200, pytest.approx(second[name])), (300, pytest.approx(third[name]))]


def test_what_has_log_metrics() -> None:
    """Loggers of Lightning, the package mlflow."""
    got: list[Any] = []

    class Logger:
        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            got.append((metrics, step))

        def log(self, *_: Any) -> None:
            raise AssertionError("log_metrics is what is meant for numbers")

    _, second, third = three_steps(Logger())
    assert got == [(second, 200), (third, 300)]


def test_what_has_log_and_several_destinations() -> None:
    """Runs of wandb and what is made like them have a step of their own, unless one is given."""
    got: list[Any] = []
    records = Records()

    class Run:
        def log(self, data: dict[str, float], step: int | None = None) -> None:
            got.append((data, step))

    _, second, third = three_steps((Run(), records))
    assert got == [(second, 200), (third, 300)]
    assert (records.values, records.steps) == ([second, third], [200, 300])
    got.clear()
    three_steps([Run()], (None, None, None))
    assert got == [(second, None), (third, None)]


WANDB_RUN = """
import json, sys, warnings
warnings.simplefilter("error")
import wandb
sys.path.insert(0, sys.argv[1])
import funcsim, test_drift
from test_drift_logs import three_steps
try:
    funcsim.log_drift(test_drift.network(), test_drift.ROWS, to=wandb)
except ValueError as error:
    print(error)
run = wandb.init(project="drift")
assert run.offline
values = three_steps(run)
three_steps(run)  # step 200 comes too late now and is dropped; 300 is the same row again
run.finish()
with wandb.init(project="drift"):  # the package itself, and the run's own steps
    wandb.log({"loss": 1.0})
    three_steps(wandb, (None, None, None))
print(json.dumps(values))
"""


def wandb_history(folder: pathlib.Path) -> list[dict[str, float]]:
    """The rows that an offline run has written, each with its "_step"."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    (file,) = folder.glob("run-*.wandb")
    store, rows = DataStore(), []
    store.open_for_scan(str(file))
    while (content := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            rows.append({name: value for name, value in row.items() if name not in ("_timestamp", "_runtime")})
    store.close()
    return rows


def test_wandb(tmp_path: pathlib.Path) -> None:
    variables = os.environ | {
        "WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off", "WANDB_ERROR_REPORTING": "false",
        "WANDB_DIR": str(tmp_path), "WANDB_CONFIG_DIR": str(tmp_path), "WANDB_CACHE_DIR": str(tmp_path),
        "WANDB_DATA_DIR": str(tmp_path),
    }  # fmt: skip
    here = pathlib.Path(__file__).parent
    command = [sys.executable, "-c", WANDB_RUN, str(here)]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    refused, printed = done.stdout.splitlines()
    assert refused == "to is the package wandb, and no run is active: call wandb.init() first"
    _, second, third = json.loads(printed)
    histories = [wandb_history(folder) for folder in (tmp_path / "wandb").glob("offline-run-*")]
    own_steps, given_steps = sorted(histories, key=lambda rows: rows[0]["_step"])
    assert given_steps[:1] == [second | {"_step": 200}]
    assert given_steps[1:] == [third | {"_step": 300}]
    assert own_steps == [{"loss": 1, "_step": 0}, second | {"_step": 1}, third | {"_step": 2}]


def test_the_methods_are_those_of_the_packages() -> None:
    """What the stand-ins above take, the real ones take."""
    import wandb

    assert {"data", "step"} <= inspect.signature(wandb.Run.log).parameters.keys()
    assert "global_step" in inspect.signature(SummaryWriter.add_scalar).parameters


def test_nothing_is_logged_where_the_network_cannot_be_read() -> None:
    records = Records()
    with pytest.raises(RuntimeError, match="expects inputs whose last dimension is 8"):
        funcsim.log_drift(network(), torch.randn(100, 9), to=records)
    with pytest.raises(RuntimeError, match="at least two affine layers"):
        funcsim.log_drift(nn.Sequential(nn.Linear(8, 2)), ROWS, to=records)
    assert not records.values
