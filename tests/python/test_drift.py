"""Drift during training: what is measured, and that training goes on as without."""

import copy
import math
import pathlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import funcsim
import pytest
import torch
import torch.distributed as dist
from module_zoo import Residual, Wrapped
from torch import Tensor, nn

ROWS = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
TARGETS = (ROWS[:, 0] > 0).long()
IMAGES = torch.randn(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 2)
    )


def disturb(model: nn.Module, scale: float = 0.05) -> None:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator).to(parameter.dtype))


def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for rows, targets in zip(ROWS.split(50), TARGETS.split(50), strict=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(rows), targets).backward()
        optimizer.step()


class Records:
    """A destination: a function."""

    def __init__(self) -> None:
        self.values: list[dict[str, float]] = []
        self.steps: list[int] = []

    def __call__(self, values: dict[str, float], step: int) -> None:
        self.values.append(values)
        self.steps.append(step)


def expected(name: str, a: funcsim.NetworkSketch, b: funcsim.NetworkSketch) -> dict[str, float]:
    got = funcsim.compare(a, b)
    values = {"adjusted": got.adjusted, "score": got.score, "chance": got.chance}
    values |= {f"layers/{layer.name_b}": layer.adjusted for layer in got.layers}
    return {f"funcsim/{name}/{number}": value for number, value in values.items()}


@pytest.mark.parametrize("hooks", [False, True], ids=["canonical form", "hooks"])
def test_what_is_logged(hooks: bool) -> None:
    model: nn.Module = Wrapped(network()) if hooks else network()
    reference = funcsim.sketch(network(5), ROWS)  # which may be read in another way
    records = Records()
    drift, sketches = None, []
    for step in (10, 20, 30):
        sketches.append(funcsim.sketch(model, ROWS))
        drift = funcsim.log_drift(model, ROWS, drift, to=records, step=step, reference=reference)
        assert drift.step == step
        disturb(model)
    assert records.steps == [10, 20, 30]
    first, second, third = records.values
    assert first == expected("to_reference", reference, sketches[0])
    assert second == (
        expected("since_last", sketches[0], sketches[1])
        | expected("since_start", sketches[0], sketches[1])
        | expected("to_reference", reference, sketches[1])
    )
    assert third == (
        expected("since_last", sketches[1], sketches[2])
        | expected("since_start", sketches[0], sketches[2])
        | expected("to_reference", reference, sketches[2])
    )
    last, start = third["funcsim/since_last/adjusted"], third["funcsim/since_start/adjusted"]
    assert start < last < 1
    assert drift is not None
    assert str(drift) == (
        f"step 30: adjusted {last:.4f} since last, {start:.4f} since start, "
        f"{third['funcsim/to_reference/adjusted']:.4f} to reference"
    )


def test_a_reference_may_have_other_layers() -> None:
    torch.manual_seed(3)
    teacher = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 2))  # fmt: skip # noqa: E501
    drift = funcsim.log_drift(network(), ROWS, reference=funcsim.sketch(teacher, ROWS))
    assert drift.to_reference is not None
    assert len(drift.to_reference.unmatched_a) == 1
    assert {"to_reference/layers/0", "to_reference/layers/3"} <= drift.values.keys()


def test_without_a_step_calls_are_counted_and_the_prefix_is_ones_own() -> None:
    records, drift, model = Records(), None, network()
    for _ in range(3):
        drift = funcsim.log_drift(model, ROWS, drift, to=[records, records], prefix="drift.")
    assert records.steps == [1, 1, 2, 2]  # there is nothing to log of the first
    assert {name.split("/")[0] for values in records.values for name in values} == {
        "drift.since_last",
        "drift.since_start",
    }
    assert records.values[0]["drift.since_last/adjusted"] == 1


def test_options_are_those_of_sketches() -> None:
    options: dict[str, Any] = {
        "num_hashes": 64, "seed": 3, "margin": 0.01, "positions": 4, "include": ["blocks.*"], "exclude": "*.conv2",
        "call": lambda model, batch: model(batch),
    }  # fmt: skip
    drift = funcsim.log_drift(Residual(), IMAGES, **options)
    assert drift.sketch is not None
    assert drift.sketch.settings == funcsim.settings.Settings(64, 3, 0.01, 4)
    assert [layer.name for layer in drift.sketch.layers] == ["blocks.0.conv1", "blocks.1.conv1"]


@pytest.mark.parametrize("hooks", [False, True], ids=["canonical form", "hooks"])
def test_training_goes_on_as_without(hooks: bool) -> None:
    """Dropout, BatchNorm and Adam: any random number drawn, mode changed or gradient touched would show."""
    weights = []
    for logs in (False, True):
        model: nn.Module = Wrapped(network()) if hooks else network()
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        torch.manual_seed(7)
        drift = None
        for _ in range(2):
            train(model, optimizer)
            if logs:
                gradients = [parameter.grad for parameter in model.parameters()]
                drift = funcsim.log_drift(model, ROWS, drift)
                assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
                assert all(module.training for module in model.modules())
        weights.append(copy.deepcopy(model.state_dict()))
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name]), name


CONTEXTS = {
    "no_grad": torch.no_grad,
    "enable_grad": torch.enable_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("hooks", [False, True], ids=["canonical form", "hooks"])
def test_contexts_make_no_difference(context: str, hooks: bool) -> None:
    model: nn.Module = Wrapped(network()) if hooks else network()
    first = funcsim.log_drift(model, ROWS)
    disturb(model)
    without = funcsim.log_drift(model, ROWS, first)
    with CONTEXTS[context]():
        enabled = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
        within = funcsim.log_drift(model, ROWS, first)
        assert (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")) == enabled
    assert within.values == without.values
    assert funcsim.log_drift(model, ROWS, within).values["since_last/adjusted"] == 1  # and afterwards it is of use


def test_bfloat16() -> None:
    model = network().to(torch.bfloat16)
    drift = funcsim.log_drift(model, ROWS.bfloat16())
    disturb(model)
    assert 0 < funcsim.log_drift(model, ROWS.bfloat16(), drift).values["since_last/adjusted"] < 1
    wrapped = Wrapped(network().to(torch.bfloat16))
    assert funcsim.log_drift(wrapped, ROWS.bfloat16(), funcsim.log_drift(wrapped, ROWS.bfloat16())).step == 1


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A process group of one."""
    file = tmp_path_factory.mktemp("group") / "store"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dist.init_process_group("gloo", init_method=f"file://{file}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_wrappers_make_no_difference() -> None:
    model = network()
    first = funcsim.log_drift(model, ROWS)
    disturb(model)
    plain = funcsim.log_drift(model, ROWS, first)
    for wrapped in (nn.parallel.DistributedDataParallel(model), nn.DataParallel(model), torch.compile(model)):
        assert funcsim.log_drift(wrapped, ROWS, first).values == plain.values


@pytest.mark.usefixtures("group")
@pytest.mark.filterwarnings("ignore")
def test_parameters_that_are_spread_are_refused() -> None:
    """To run such a network takes all processes, and one that waits for the others would never end."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import distribute_tensor

    model = Wrapped(network())
    mesh = init_device_mesh("cpu", (1,))
    model.net[0].weight = nn.Parameter(distribute_tensor(model.net[0].weight.detach(), mesh))
    with pytest.raises(ValueError, match=r"^parameter net\.0\.weight is spread over processes"):
        funcsim.log_drift(model, ROWS)

    from torch.distributed.fsdp import FullyShardedDataParallel

    sharded = FullyShardedDataParallel(network(), device_id=torch.device("cpu"))
    with pytest.raises(ValueError, match=r"is spread over processes, and drift is measured of whole networks"):
        funcsim.log_drift(sharded, ROWS)


@pytest.mark.parametrize("hooks", [False, True], ids=["canonical form", "hooks"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_that_diverged_is_logged_as_such(hooks: bool, value: float) -> None:
    """And training isn't ended by it."""
    model: nn.Module = Wrapped(network()) if hooks else network()
    reference = funcsim.sketch(model, ROWS)
    records = Records()
    first = funcsim.log_drift(model, ROWS, reference=reference)
    disturb(model)
    good = funcsim.log_drift(model, ROWS, first, reference=reference, to=records)
    state = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        next(model.parameters())[:, :2] = value
    with pytest.warns(UserWarning, match=r"^the network has diverged at step 2, and NaN is logged as its drift: .*NaN"):
        bad = funcsim.log_drift(model, ROWS, good, reference=reference, to=records)
    assert records.values[1].keys() == records.values[0].keys()
    assert all(math.isnan(value) for value in records.values[1].values())
    assert bad.diverged is not None
    assert str(bad).startswith("step 2: diverged (")
    assert (bad.sketch, bad.start) == (good.sketch, first.sketch)

    model.load_state_dict(state)  # back to the last good checkpoint: training goes on from there
    after = funcsim.log_drift(model, ROWS, bad, reference=reference)
    assert after.values["since_last/adjusted"] == 1
    assert after.values["since_start/adjusted"] == good.values["since_start/adjusted"]
    assert after.diverged is None


def test_a_network_that_diverged_before_the_first_call() -> None:
    model, records = network(), Records()
    with torch.no_grad():
        model[0].weight[:] = math.nan
    with pytest.warns(UserWarning, match="diverged at step 0"):
        drift = funcsim.log_drift(model, ROWS, to=records)
    assert (drift.sketch, drift.start, drift.values, records.values) == (None, None, {}, [])
    again = funcsim.log_drift(network(), ROWS, drift)
    assert again.start is again.sketch is not None
    assert again.since_last is None


def test_nan_in_the_first_inputs_is_an_error() -> None:
    rows = ROWS.clone()
    rows[3, 2] = math.nan
    with pytest.raises(RuntimeError, match="NaN for input 3"):
        funcsim.log_drift(network(), rows)


@pytest.mark.parametrize("hooks", [False, True])
@pytest.mark.parametrize("row", [3, len(ROWS) - 1])
def test_nan_in_later_inputs_is_an_error(hooks: bool, row: int) -> None:
    """It isn't the network that has diverged."""
    model: nn.Module = Wrapped(network()) if hooks else network()
    last = funcsim.log_drift(model, ROWS)
    rows = ROWS.clone()
    rows[row, 2] = math.nan
    with pytest.raises(RuntimeError, match=r"NaN.*\(the inputs hold NaN\)"):
        funcsim.log_drift(model, rows, last)


def test_errors_of_the_network_itself_are_not_taken_for_divergence() -> None:
    class Strict(Wrapped):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no NaN is wanted here")

    last = funcsim.log_drift(Wrapped(network()), ROWS)
    with pytest.raises(ValueError, match="no NaN is wanted here"):
        funcsim.log_drift(Strict(network()), ROWS, last)


def test_a_damaged_state_names_no_temporary_file() -> None:
    state = funcsim.log_drift(network(), ROWS).state_dict()
    state["sketch"] = state["sketch"][:-9]
    with pytest.raises(ValueError, match=r"^a sketch in state is no sketch, or a damaged one"):
        funcsim.Drift.from_state_dict(state)


def test_a_drift_goes_through_a_checkpoint(tmp_path: pathlib.Path) -> None:
    model = network()
    first = funcsim.log_drift(model, ROWS)
    disturb(model)
    second = funcsim.log_drift(model, ROWS, first)
    disturb(model)
    whole = funcsim.log_drift(model, ROWS, second)
    torch.save({"model": model.state_dict(), "drift": second.state_dict()}, tmp_path / "last.pt")
    state = torch.load(tmp_path / "last.pt", weights_only=True)["drift"]
    resumed = funcsim.log_drift(model, ROWS, funcsim.Drift.from_state_dict(state))
    assert (resumed.step, resumed.values) == (whole.step, whole.values)
    assert sum(len(state[name]) for name in ("sketch", "start")) == pytest.approx(16 * 1024 * 28, rel=0.02)


def test_a_drift_without_a_sketch_goes_through_a_checkpoint() -> None:
    model = network()
    with torch.no_grad():
        model[0].weight[:] = math.nan
    with pytest.warns(UserWarning, match="diverged"):
        drift = funcsim.log_drift(model, ROWS, step=4)
    restored = funcsim.Drift.from_state_dict(drift.state_dict())
    assert (restored.step, restored.sketch, restored.start) == (4, None, None)


@pytest.mark.parametrize(
    "state",
    [{}, {"version": 2, "step": 1}, {"version": 1, "step": "1"}, [1], {"version": 1, "step": 1, "sketch": "text"}],
    ids=str,
)
def test_another_state_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match=r"state must .*state_dict\(\)"):
        funcsim.Drift.from_state_dict(state)


def test_a_damaged_state_is_refused() -> None:
    state = funcsim.log_drift(network(), ROWS).state_dict()
    state["sketch"][-1] ^= 1
    with pytest.raises(ValueError, match="is damaged"):
        funcsim.Drift.from_state_dict(state)


class Named:
    def __init__(self, **methods: Any) -> None:
        self.__dict__ |= methods


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "to": (
        {"to": "runs/1"},
        TypeError,
        r"to must be a SummaryWriter .*, got 'runs/1'; give the writer itself, and not",
    ),
    "to a class": ({"to": Records}, TypeError, "to must be a SummaryWriter"),
    "to nothing": ({"to": [None]}, TypeError, "to must be a SummaryWriter .*, got None"),
    "to something": ({"to": Named(add_scalars=print)}, TypeError, "to must be a SummaryWriter"),
    "to logging": ({"to": __import__("logging").getLogger("x")}, TypeError, "to must be a SummaryWriter"),
    "step": ({"step": 1.5}, TypeError, "step must be an integer, got 1.5"),
    "step as a flag": ({"step": True}, TypeError, "step must be an integer, got True"),
    "large step": ({"step": 1 << 63}, ValueError, "step must fit 64 bits"),
    "prefix": ({"prefix": None}, TypeError, "prefix must be a string, got None"),
    "last": ({"last": "x"}, TypeError, "last must be what log_drift returned the last time, or None, got str"),
    "reference": (
        {"reference": nn.ReLU()},
        TypeError,
        r"must be a NetworkSketch, got ReLU; funcsim.sketch\(network, inputs\)",
    ),
    "model": ({"model": lambda x: x}, TypeError, "expected a torch.nn.Module, got function"),
    "num_hashes": ({"num_hashes": 0}, ValueError, "num_hashes must be from 1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_arguments(what: str) -> None:
    arguments, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        funcsim.log_drift(**{"model": network(), "inputs": ROWS} | arguments)


def test_another_network_other_inputs_or_options() -> None:
    drift = funcsim.log_drift(network(), ROWS)
    wider = nn.Sequential(nn.Linear(8, 17), nn.ReLU(), nn.Linear(17, 2))
    with pytest.raises(ValueError, match=r"another network: its hidden layers are 0 \(16 units\), 3 \(12 units\), and"):
        funcsim.log_drift(wider, ROWS, drift)
    with pytest.raises(
        ValueError, match=r"the same inputs in the same order each time, got 300 .* the call before 300"
    ):
        funcsim.log_drift(network(), ROWS.flip(0), drift)
    with pytest.raises(ValueError, match=r"got 299 inputs"):
        funcsim.log_drift(network(), ROWS[1:], drift)
    with pytest.raises(ValueError, match=r"same options each time, got Settings\(num_hashes=1024, seed=1"):
        funcsim.log_drift(network(), ROWS, drift, seed=1)
    reference = funcsim.sketch(network(), ROWS, num_hashes=64)
    with pytest.raises(ValueError, match=r"of the reference Settings\(num_hashes=64"):
        funcsim.log_drift(network(), ROWS, reference=reference)


def test_a_loader_that_shuffles_is_found_out() -> None:
    data = torch.utils.data.TensorDataset(ROWS, TARGETS)
    steady = torch.utils.data.DataLoader(data, batch_size=50)
    drift = funcsim.log_drift(network(), steady)
    assert funcsim.log_drift(network(), ROWS, drift).values["since_last/adjusted"] == 1
    with pytest.raises(ValueError, match="Does a DataLoader shuffle"):
        funcsim.log_drift(network(), torch.utils.data.DataLoader(data, batch_size=50, shuffle=True), drift)


def test_nothing_is_imported_that_a_run_does_not_use() -> None:
    code = """
import sys, funcsim, torch
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
funcsim.log_drift(model, torch.randn(100, 8), to=lambda values, step: None)
print([name for name in ("lightning", "pytorch_lightning", "tensorboard", "wandb") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_module_is_left_alone_when_it_raises() -> None:
    class Raises(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            raise KeyError(str(self.first(x).shape))

    model = Raises()
    with pytest.raises(KeyError):
        funcsim.log_drift(model, ROWS)
    assert model.training
    assert not model.first._forward_hooks
