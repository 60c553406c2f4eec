"""Every operator by every road: opcheck, eager, TorchScript, torch.compile and torch.export give equal results."""

from collections.abc import Callable

import devices
import funcsim
import pytest
import torch
from devices import moved, tensors_of
from operator_calls import BITS, CALLS, DEEP, MATCHED, OTHER, ROWS, A, B, described, mlp
from torch import Tensor, nn

ops = torch.ops.funcsim
CASES = [
    pytest.param(name, arguments, id=f"{name}-{i}") for name, all_ in CALLS.items() for i, arguments in enumerate(all_)
]


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    """Programs that earlier tests compiled count towards a limit of recompilations."""
    torch.compiler.reset()


def assert_equal(result: object, expected: object) -> None:
    torch.testing.assert_close(tensors_of(result), tensors_of(expected), rtol=0, atol=0)


def test_every_operator_is_here() -> None:
    prefix = "funcsim::"
    registered = {name for name in torch._C._dispatch_get_all_op_names() if name.startswith(prefix)}
    assert {name.removeprefix(prefix) for name in registered} == set(CALLS)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_opcheck(device: torch.device, name: str, arguments: tuple) -> None:
    torch.library.opcheck(getattr(ops, name).default, moved(arguments, device))


@pytest.mark.parametrize("device", ["cpu", devices.cuda])  # opcheck doesn't know others
@pytest.mark.parametrize(
    "name", ["canonicalize", "compare", "compare_with_chance", "network_signatures", "network_sketches"]
)
def test_opcheck_with_parameters_that_require_grad(device: str, name: str) -> None:
    architecture, parameters = described(mlp(1).requires_grad_(True).to(device))
    network = (architecture, [p.detach().clone().requires_grad_() for p in parameters])
    inputs = ROWS.to(device)
    both = (*network, *network, inputs)
    arguments = {"canonicalize": network, "compare": both, "compare_with_chance": both}.get(name, (*network, inputs))
    # Not test_aot_dispatch_dynamic: it runs backward, which is an error by intent (the next test).
    utils = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(getattr(ops, name).default, arguments, test_utils=utils)


# Backward on the emulated device: only in a process where nothing went backward before it was there.
@pytest.mark.parametrize("device", ["cpu", devices.cuda])
@pytest.mark.parametrize("name", ["canonicalize", "compare", "compare_with_chance"])
def test_backward_is_a_clear_error(device: str, name: str) -> None:
    architecture, parameters = described(mlp(1).to(device))
    network = (architecture, [p.detach().clone().requires_grad_() for p in parameters])
    arguments = network if name == "canonicalize" else (*network, *network, ROWS.to(device))
    result = getattr(ops, name)(*arguments)[0]
    with pytest.raises(RuntimeError, match=f"funcsim::{name} has no gradient"):
        result.sum().backward()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_compiled_as_eager(device: torch.device, name: str, arguments: tuple, backend: str) -> None:
    operator, there = getattr(ops, name), moved(arguments, device)
    compiled = torch.compile(lambda: operator(*there), fullgraph=True, backend=backend)
    assert_equal(compiled(), operator(*there))


class Signatures(nn.Module):
    """From inputs to results of several operators, their sizes tied to the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = mlp(1), mlp(2)
        self.architecture = funcsim.describe(self.a)

    def parameters_of(self, model: nn.Sequential) -> list[Tensor]:
        return [model[0].weight, model[0].bias, model[2].weight, model[2].bias, model[4].weight, model[4].bias]

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        a, b = self.parameters_of(self.a), self.parameters_of(self.b)
        score, layer_scores, matches, similarities = ops.compare(self.architecture, a, self.architecture, b, inputs)
        bits = ops.network_signatures(self.architecture, a, inputs)
        sketch = ops.network_sketches(self.architecture, a, inputs, num_hashes=16)
        single = ops.activation_signatures(inputs)
        counts, fingerprints = ops.signature_statistics(single, inputs.shape[0])
        shuffled = ops.shuffle_samples(single, inputs.shape[0])
        minhash = ops.minhash(single, inputs.shape[0], 16)
        rows, columns = ops.linear_sum_assignment(inputs)
        results = [score, layer_scores, *matches, *similarities, *bits, *sketch, single, counts, fingerprints]
        results += [shuffled, minhash, ops.jaccard(single, shuffled), ops.minhash_jaccard(minhash, minhash)]
        return (*results, rows, columns, *ops.canonicalize(self.architecture, a))


@pytest.mark.parametrize("batch", [20, 33])
def test_exported_with_a_dynamic_batch_as_eager(device: torch.device, batch: int) -> None:
    module = Signatures().to(device)
    # From 9 on: a tensor of one byte a unit is another kind of tensor to torch.export, as any size of 1 is.
    dynamic = {"inputs": {0: torch.export.Dim("batch", min=9, max=1000)}}
    program = torch.export.export(module, (ROWS.to(device),), dynamic_shapes=dynamic)
    inputs = torch.randn(batch, 6, generator=torch.Generator().manual_seed(batch)).to(device)
    assert_equal(program.module()(inputs), module(inputs))


class Score(nn.Module):
    """What an exported drift monitor computes."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        score, layer_scores, _, _ = ops.compare(*A, *B, inputs)
        return score, layer_scores


def test_a_score_is_exported_for_any_batch() -> None:
    dynamic = {"inputs": {0: torch.export.Dim("batch")}}
    program = torch.export.export(Score(), (ROWS,), dynamic_shapes=dynamic)
    for batch in (1, 2, 300):
        inputs = torch.randn(batch, 6, generator=torch.Generator().manual_seed(batch))
        assert_equal(program.module()(inputs), Score()(inputs))


@pytest.mark.parametrize("batch", [20, 33])
def test_compiled_with_a_dynamic_batch_as_eager(device: torch.device, batch: int) -> None:
    module = Signatures().to(device)
    compiled: Callable = torch.compile(module, fullgraph=True, dynamic=True, backend="aot_eager")
    inputs = torch.randn(batch, 6, generator=torch.Generator().manual_seed(batch)).to(device)
    assert_equal(compiled(inputs), module(inputs))


@pytest.mark.parametrize("device", ["cpu", devices.cuda])  # for others it makes no code
def test_compiled_by_inductor_as_eager(device: str) -> None:
    module, inputs = Signatures().to(device), ROWS.to(device)
    assert_equal(torch.compile(module, fullgraph=True)(inputs), module(inputs))


def test_unequal_depths_compile_and_export() -> None:
    def score(inputs: Tensor) -> Tensor:
        return ops.compare(*A, *DEEP, inputs)[0]

    class Module(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return score(inputs)

    assert_equal(torch.compile(score, fullgraph=True, backend="aot_eager")(ROWS), score(ROWS))
    assert_equal(torch.export.export(Module(), (ROWS,)).module()(ROWS), score(ROWS))


def scripted_activation_signatures(x: Tensor) -> Tensor:
    return torch.ops.funcsim.activation_signatures(x, 0.1)


def scripted_evidence(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, list[Tensor]]:
    counts, fingerprints = torch.ops.funcsim.signature_statistics(x, 21)
    shuffled = torch.ops.funcsim.shuffle_samples(y, 21)
    result = torch.ops.funcsim.compare_layers([x], [y], [shuffled], [21], [21])
    scores = torch.ops.funcsim.layer_scores([x], [y], [21], [21])
    return counts, fingerprints, result[4], scores, result[5]


def scripted_sketches(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    a = torch.ops.funcsim.minhash(x, 21, 16)
    b = torch.ops.funcsim.minhash(y, 21, 16)
    rows, columns = torch.ops.funcsim.linear_sum_assignment(torch.ops.funcsim.jaccard(x, y), True)
    return torch.ops.funcsim.minhash_jaccard(a, b), rows, columns


def scripted_networks(
    a: str, p: list[Tensor], b: str, q: list[Tensor], x: Tensor
) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    result = torch.ops.funcsim.compare(a, p, b, q, x)
    return (
        result[0],
        torch.ops.funcsim.canonicalize(a, p),
        torch.ops.funcsim.network_signatures(a, p, x),
        torch.ops.funcsim.network_sketches(b, q, x, num_hashes=16),
    )


def own(tensors: list[Tensor]) -> list[Tensor]:
    """A list for one call. Of two equal ``list(tensors)`` TorchScript makes one, which is empty for the second call."""
    return [tensor for tensor in tensors]  # noqa: C416


def scripted_alignment(
    a: str, p: list[Tensor], b: str, q: list[Tensor], x: Tensor
) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
    correlations = torch.ops.funcsim.activation_correlations(a, own(p), b, own(q), x, [])
    similarities = [correlations[0].float(), correlations[3].float()]
    matches = torch.ops.funcsim.match_units(a, own(p), b, own(q), similarities, True)
    aligned, orders = torch.ops.funcsim.align_parameters(a, own(p), b, own(q), own(matches), x, True)
    merged = torch.ops.funcsim.merge_parameters(a, own(p) + own(aligned), [0.25, 0.75], [], x)
    return correlations, matches, aligned, orders, merged


def scripted_statistics(
    a: str, p: list[Tensor], x: Tensor, distances: Tensor
) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
    activations = torch.ops.funcsim.network_activations(a, own(p), x)
    signatures, moments = torch.ops.funcsim.network_signatures_with_moments(a, own(p), x)
    return activations, signatures, moments, torch.ops.funcsim.boundary_counts(a, own(p), x, distances)


def scripted_scores(
    x: list[Tensor], y: list[Tensor], matches: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.ops.funcsim.phi(x[0], y[0], 21),
        torch.ops.funcsim.signature_cka(x[0], y[0], 21),
        torch.ops.funcsim.signature_cka(x[0], y[0], 21, True),
        torch.ops.funcsim.bootstrap_scores(own(x), own(y), own(matches), [21, 21], 7, 10),
        torch.ops.funcsim.shuffled_scores(own(x), own(y), [21, 21], 7, 3),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (scripted_activation_signatures, (ROWS,)),
        (scripted_evidence, (BITS[0], OTHER[0])),
        (scripted_sketches, (BITS[0], OTHER[0])),
        (scripted_networks, (*A, *B, ROWS)),
        (scripted_alignment, (*A, *B, ROWS)),
        (scripted_statistics, (*A, ROWS, torch.tensor([[0.1, 0.5], [0.0, 2.0]], dtype=torch.float64))),
        (scripted_scores, (BITS, OTHER, MATCHED)),
    ],
)
def test_scripted_as_eager(device: torch.device, function: Callable, arguments: tuple) -> None:
    there = moved(arguments, device)
    assert_equal(torch.jit.script(function)(*there), function(*there))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    x = torch.randn(500, 40, generator=torch.Generator().manual_seed(1))
    y = torch.randn(500, 50, generator=torch.Generator().manual_seed(2))

    def results() -> list[Tensor]:
        a, b = ops.activation_signatures(x), ops.activation_signatures(y)
        shuffled = ops.shuffle_samples(b, 500)
        sketches = [ops.minhash(bits, 500, 64) for bits in (a, b, shuffled)]
        return tensors_of([
            a, b, shuffled, sketches, ops.jaccard(a, b), ops.signature_statistics(a, 500),
            ops.compare_layers([a], [b], [shuffled], [500], [500]),
            ops.compare_layers([sketches[0]], [sketches[1]], [sketches[2]], [500], [500]),
        ])  # fmt: skip

    before = torch.get_num_threads()
    expected = results()
    try:
        torch.set_num_threads(threads)
        assert_equal(results(), expected)
    finally:
        torch.set_num_threads(before)
