"""Modules are left exactly as they were, whatever happens while they run."""

import copy
import os
import random
from collections.abc import Iterator
from typing import Any

import funcsim
import pytest
import torch
from module_zoo import Encoder, Repeated, Residual
from test_modules import IMAGES, ROWS, made
from torch import Tensor, nn


class Fragile(nn.Module):
    """Changes itself and the world while it runs, draws random numbers, and raises when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.bn = nn.Linear(6, 6), nn.BatchNorm1d(6)
        self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 2)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("nothing", None)
        self.raises: Exception | None = None
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes += [module.training for module in self.modules()]
        self.calls += 1
        self.nothing = x.new_ones(1)
        assert not torch.is_grad_enabled()
        x = self.dropout(self.bn(self.first(x)) + torch.randn(6))
        x = self.second(x).relu()
        if self.raises is not None:
            raise self.raises
        return self.head(x)


def _state(model: nn.Module) -> dict[str, Any]:
    modules = dict(model.named_modules())
    return {
        "modes": {name: module.training for name, module in modules.items()},
        "hooks": {name: (len(m._forward_hooks), len(m._forward_pre_hooks)) for name, m in modules.items()},
        "keywords": {name: len(m._forward_hooks_with_kwargs) for name, m in modules.items()},
        "tensors": {name: (id(t), t.data_ptr(), t.tolist()) for name, t in model.state_dict(keep_vars=True).items()},
        "buffers": {name: sorted(m._buffers) for name, m in modules.items()},
        "grads": {name: (p.grad, p.requires_grad) for name, p in model.named_parameters()},
        "random": (torch.get_rng_state().tolist(), random.getstate()),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "grad mode": torch.is_grad_enabled(),
    }


@pytest.fixture
def fragile() -> Iterator[Fragile]:
    model = made(Fragile, 1)
    model.second.eval()  # a part of it is in eval mode, the rest isn't
    model.head.weight.requires_grad_(False)
    seen: list[Tensor] = []
    model.first.register_forward_hook(lambda _m, _args, output: seen.append(output))
    yield model
    assert seen  # hooks of the user's run


@pytest.mark.parametrize("run", ["compare", "layer_similarity", "sketch", "stability"])
def test_nothing_changes(fragile: Fragile, run: str) -> None:
    before = _state(fragile)
    arguments = (fragile, fragile, ROWS) if run in ("compare", "layer_similarity") else (fragile, ROWS)
    getattr(funcsim, run)(*arguments)
    assert not any(fragile.modes)
    assert _state(fragile) == before


class Adapting(nn.Module):
    """Moves the statistics of its BatchNorm whatever mode it is put into: their versions stay the same."""

    def __init__(self, *, by_function: bool):
        super().__init__()
        self.first, self.bn, self.head = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 2)
        self.by_function = by_function

    def forward(self, x: Tensor) -> Tensor:
        x, bn = self.first(x), self.bn
        if self.by_function:
            return self.head(nn.functional.batch_norm(x, bn.running_mean, bn.running_var, training=True))
        bn.training = True
        return self.head(bn(x))


@pytest.mark.parametrize("by_function", [False, True])
def test_statistics_of_batches_are_put_back(*, by_function: bool) -> None:
    model = Adapting(by_function=by_function).eval()
    model.bn.running_var[2] = torch.nan
    before = copy.deepcopy(dict(model.bn.named_buffers()))
    for run in (funcsim.log_drift, funcsim.sketch, lambda *given: funcsim.compare(model, *given)):
        run(model, ROWS + 3)
        for name, tensor in model.bn.named_buffers():
            torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)
    versions = [buffer._version for buffer in model.bn.buffers()]
    funcsim.sketch(model, ROWS, call=lambda module, x: module.head(module.first(x)))
    assert [buffer._version for buffer in model.bn.buffers()] == versions, "what hasn't changed isn't written"


def test_parameters_that_a_module_writes_into_are_named() -> None:
    class Decaying(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.first.weight.data.mul_(0.5)
            return self.head(self.first(x))

    with pytest.warns(UserWarning, match=r"network b: parameters changed .*: first\.weight\. Does its forward"):
        funcsim.compare(made(Repeated, 1), Decaying(), ROWS)
    with pytest.warns(UserWarning, match="^parameters changed"):
        funcsim.sketch(Decaying().half(), ROWS.half())


@pytest.mark.parametrize("error", [RuntimeError("in the middle"), KeyError("in the middle"), KeyboardInterrupt()])
@pytest.mark.parametrize("run", ["compare", "sketch", "stability"])
def test_nothing_changes_when_the_model_raises(fragile: Fragile, run: str, error: BaseException) -> None:
    before = _state(fragile)
    fragile.raises = error
    arguments = (fragile, fragile, ROWS) if run == "compare" else (fragile, ROWS)
    with pytest.raises(type(error)):
        getattr(funcsim, run)(*arguments)
    assert _state(fragile) == before


def test_nothing_changes_when_it_raises_late(fragile: Fragile) -> None:
    """In a later run, with copies that have noise."""
    before = _state(fragile)
    with pytest.raises(RuntimeError, match=r"layer second: .*NaN"):
        funcsim.stability(fragile, [ROWS, torch.full_like(ROWS, torch.nan)], include="second")
    assert _state(fragile) == before


def test_random_numbers_are_the_same_every_time(fragile: Fragile) -> None:
    assert funcsim.compare(fragile, fragile, ROWS).score == 1
    assert funcsim.compare(fragile, copy.deepcopy(fragile), ROWS).score == 1
    other = made(Fragile, 2)
    scores = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        scores.append([funcsim.compare(fragile, other, ROWS, seed=given).score for given in (0, 1)])
    assert scores[0] == scores[1]
    assert scores[0][0] != scores[0][1]


def test_other_ways_to_call_leave_a_model_trainable() -> None:
    model = made(Residual, 1)
    funcsim.compare(model, model, IMAGES)
    model(IMAGES)["out"].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    funcsim.compare(model, model, IMAGES)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_wrappers() -> None:
    a, b = made(Residual, 1), made(Residual, 2)
    expected = funcsim.compare(a, b, IMAGES).to_dict()
    assert funcsim.compare(nn.DataParallel(a), b, IMAGES).to_dict() == expected
    for compiled in (torch.compile(b, backend="eager"), nn.DataParallel(torch.compile(b, backend="eager"))):
        assert funcsim.compare(a, compiled, IMAGES).to_dict() == expected


def test_a_wrapped_sequential_is_read_in_canonical_form() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    got = funcsim.compare(nn.DataParallel(model), torch.compile(model, backend="eager"), ROWS)
    assert (got.read_a, got.read_b, got.score) == ("canonical form", "canonical form", 1)
    assert funcsim.stability(nn.DataParallel(model), ROWS, sigmas=[0.1]).read == "canonical form"


def test_modules_with_compiled_ones_in_them() -> None:
    """They run uncompiled: what was compiled without hooks may not run them, and to compile anew takes long."""
    compiled: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> torch.fx.GraphModule:
        compiled.append(graph)
        return graph

    a, b = made(Residual, 1), made(Residual, 1).eval()
    for index, block in enumerate(b.blocks):
        b.blocks[index] = torch.compile(block, backend=backend, dynamic=True)
    b.stem.compile(backend=backend, dynamic=True)
    with torch.no_grad():
        b(IMAGES)
    graphs = len(compiled)
    assert graphs > 0
    got = funcsim.compare(a, b, IMAGES)
    assert got.score == 1
    assert len(compiled) == graphs
    assert [layer.name_b for layer in got.layers] == [layer.name_a for layer in got.layers]
    assert b.stem._compiled_call_impl is not None


def test_modules_that_were_compiled_in_place() -> None:
    model, frames = made(Residual, 1), []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> torch.fx.GraphModule:
        frames.append(graph)
        return graph

    model.stem.compile(backend=backend)
    assert funcsim.compare(model, made(Residual, 1), IMAGES).score == 1
    assert not frames


@pytest.mark.skipif(not torch.distributed.is_available(), reason="needs torch.distributed")
def test_distributed_data_parallel() -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        a, b = made(Residual, 1), made(Residual, 2)
        expected = funcsim.compare(a, b, IMAGES).to_dict()
        assert funcsim.compare(nn.parallel.DistributedDataParallel(a), b, IMAGES).to_dict() == expected
    finally:
        torch.distributed.destroy_process_group()


def test_the_fast_path_of_attention_is_off_only_while_a_model_runs() -> None:
    """It would run whole layers at once, and so none of their modules."""
    model, words = made(Encoder, 1).eval(), torch.randint(0, 50, (8, 5))
    assert torch.backends.mha.get_fastpath_enabled()
    assert len(funcsim.compare(model, model, words).layers) == 4
    assert torch.backends.mha.get_fastpath_enabled()


def test_modules_in_float16_and_bfloat16() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        model = made(Repeated, 1).to(dtype)
        assert funcsim.compare(model, model, ROWS.to(dtype)).score == 1


def test_under_autocast_and_inference_mode() -> None:
    a, b = made(Residual, 1), made(Residual, 2)
    expected = funcsim.compare(a, b, IMAGES).to_dict()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert funcsim.compare(a, b, IMAGES).to_dict() == expected
    with torch.inference_mode():
        assert funcsim.compare(a, b, IMAGES).to_dict() == expected


def test_networks_made_in_inference_mode() -> None:
    with torch.inference_mode():
        model = made(Repeated, 1)
        rows = ROWS.clone()
    assert funcsim.compare(model, made(Repeated, 1), rows).score == 1
    before = copy.deepcopy(model.state_dict())
    got, expected = (funcsim.stability(m, rows, sigmas=[0.3]) for m in (model, made(Repeated, 1)))
    assert got.scores.tolist() == expected.scores.tolist() != [[1]]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_other_defaults() -> None:
    """Defaults of dtype and device that people set are theirs."""
    a, b = made(Encoder, 1), made(Encoder, 2)
    words = torch.randint(0, 50, (8, 5))
    expected = funcsim.compare(a, b, words).to_dict()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            assert funcsim.compare(a, b, words).to_dict() == expected
    finally:
        torch.set_default_dtype(torch.float32)
