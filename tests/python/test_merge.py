"""merge against align, PyTorch's own modules and hooks."""

import copy
import math
from collections.abc import Callable

import funcsim
import numpy as np
import pytest
import torch
from oracle import networks, transform
from oracle.repaired import assert_repaired
from torch import Tensor, nn
from torch.nn.utils import parametrizations

PERMUTABLE = [
    pytest.param(network, id=network.name) for network in networks.NETWORKS if transform.permutable(network.make(0)[0])
]


def more_inputs(inputs: Tensor, count: int = 200) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(count, *inputs.shape[1:], generator=generator, dtype=inputs.dtype)


def outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return copy.deepcopy(model).eval()(inputs)


def mlp(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)).double()


ROWS = torch.randn(300, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", PERMUTABLE)
def test_merged_with_a_permuted_and_rescaled_self_nothing_changes(network: networks.Network) -> None:
    model, inputs = network.make(seed=1)
    inputs = more_inputs(inputs)
    rng = np.random.default_rng(0)
    other = transform.rescaled(transform.permuted(model, inputs[:2], rng)[0], inputs[:2], rng, powers_of_two=False)
    expected = outputs(model, inputs)
    got = outputs(funcsim.merge(model, other, inputs, 0.3), inputs)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6 * max(1.0, expected.abs().max().item()))


@pytest.mark.parametrize("by_variance", [True, False])
@pytest.mark.parametrize("between", [[nn.ReLU()], [nn.BatchNorm1d(8)], [nn.BatchNorm1d(8), nn.ReLU()]])
def test_a_batch_norm_takes_a_scale_in_two_ways(between: list[nn.Module], by_variance: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(8)
    model = nn.Sequential(
        nn.Linear(6, 8), *copy.deepcopy(between), norm, nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)
    ).double()
    for module in model:
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    with torch.no_grad():
        model(ROWS)
        other = copy.deepcopy(model)
        factors = torch.exp(torch.linspace(-2.3, 2.3, 8, dtype=torch.float64))
        scaled = next(module for module in [*other[:-4]][::-1] if isinstance(module, nn.Linear | nn.BatchNorm1d))
        last = other[len(between) + 1]
        scaled.weight.mul_(factors[:, None] if isinstance(scaled, nn.Linear) else factors)
        scaled.bias.mul_(factors)
        last.running_mean.mul_(factors)
        if by_variance:
            last.running_var.copy_(factors**2 * (last.running_var + last.eps) - last.eps)
        else:
            last.weight.div_(factors)
    torch.testing.assert_close(outputs(other, ROWS), outputs(model, ROWS), rtol=0, atol=1e-12)
    for repair in (True, False):
        merged = funcsim.merge(model, other, ROWS, repair=repair)
        torch.testing.assert_close(outputs(merged, ROWS), outputs(model, ROWS), rtol=0, atol=1e-7)


@pytest.mark.parametrize("similarity", ["jaccard", "phi", "correlation", "weights"])
@pytest.mark.parametrize("rescale", [True, False])
def test_statistics_are_those_of_the_aligned_parents(similarity: str, rescale: bool) -> None:
    a, b = mlp(1), mlp(2)
    result = funcsim.merge(a, b, ROWS, 0.3, similarity=similarity, rescale=rescale)
    aligned = funcsim.align(a, b, ROWS, similarity=similarity, rescale=rescale)
    assert_repaired([a, aligned], [0.7, 0.3], ROWS, result)


@pytest.mark.parametrize("behind", [False, True])
def test_batch_norms_of_the_inputs_statistics_put_out_the_parents_weighted_means(behind: bool) -> None:
    """Also behind the activation function, if units were rescaled."""

    def network(seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        between = [nn.ReLU(), nn.BatchNorm1d(9, momentum=1.0)]
        modules = between if behind else between[::-1]
        model = nn.Sequential(nn.Linear(6, 9), *modules, nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)).double()
        for module in model:
            if isinstance(module, nn.BatchNorm1d):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
        model(ROWS)
        return model.eval().requires_grad_(False)

    a, b = network(1), network(2)
    result = funcsim.merge(a, b, ROWS, 0.3)
    aligned = funcsim.align(a, b, ROWS, rescale=True)
    assert_repaired([a, aligned], [0.7, 0.3], ROWS, result)
    ours, of_a, of_b = (outputs(model[: 3 if behind else 2], ROWS) for model in (result, a, aligned))
    torch.testing.assert_close(ours.mean(0), 0.7 * of_a.mean(0) + 0.3 * of_b.mean(0), rtol=0, atol=1e-6)
    if not behind:
        torch.testing.assert_close(ours.std(0), 0.7 * of_a.std(0) + 0.3 * of_b.std(0), rtol=0, atol=1e-6)


def test_without_repair_it_is_the_mean_of_weights() -> None:
    a, b = mlp(1), mlp(2)
    result = funcsim.merge(a, b, ROWS, 0.3, repair=False, rescale=False)
    aligned = funcsim.align(a, b, ROWS)
    for ours, x, y in zip(result.parameters(), a.parameters(), aligned.parameters(), strict=True):
        torch.testing.assert_close(ours, 0.7 * x + 0.3 * y, rtol=0, atol=1e-14)


def test_the_ends_of_the_way() -> None:
    a, b = mlp(1), mlp(2)
    for weight, end in ((0.0, a), (1.0, b)):
        got = outputs(funcsim.merge(a, b, ROWS, weight), ROWS)
        torch.testing.assert_close(got, outputs(end, ROWS), rtol=0, atol=1e-9)


def test_half_unless_it_is_given() -> None:
    a, b = mlp(1), mlp(2)
    given, default = funcsim.merge(a, b, ROWS, 0.5), funcsim.merge(a, b, ROWS)
    assert all(torch.equal(x, y) for x, y in zip(given.parameters(), default.parameters(), strict=True))


def test_many_networks_onto_the_first() -> None:
    a, *others = (mlp(seed) for seed in range(4))
    aligned = [funcsim.align(a, other, ROWS, rescale=True) for other in others]
    equal = funcsim.merge(a, others, ROWS)
    assert_repaired([a, *aligned], [0.25] * 4, ROWS, equal)
    weighted = funcsim.merge(a, others, ROWS, [0.1, 0.2, 0.3])
    assert_repaired([a, *aligned], [0.4, 0.1, 0.2, 0.3], ROWS, weighted)
    single = funcsim.merge(a, others[:1], ROWS, [0.3])
    assert torch.equal(single[0].weight, funcsim.merge(a, others[0], ROWS, 0.3)[0].weight)


def test_batches_as_a_tensor() -> None:
    a, b = mlp(1), mlp(2)
    whole = funcsim.merge(a, b, ROWS)
    parts = funcsim.merge(a, b, ((part, None) for part in ROWS.split(70)))
    assert all(torch.equal(x, y) for x, y in zip(whole.parameters(), parts.parameters(), strict=True))


def test_arguments_stay_as_they_are_and_the_result_is_a_copy_of_the_reference() -> None:
    a, b = mlp(1).train(), mlp(2).eval()
    a[0].weight.requires_grad_(False)
    a.name = "kept"
    states = [copy.deepcopy(model.state_dict()) for model in (a, b)]
    inputs, random_state = ROWS.clone(), torch.get_rng_state()
    result = funcsim.merge(a, b, inputs)
    assert torch.equal(inputs, ROWS)
    assert torch.equal(torch.get_rng_state(), random_state)
    for model, state in zip((a, b), states, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert a.training
    assert result.training
    assert result.name == "kept"
    assert [p.requires_grad for p in result.parameters()] == [p.requires_grad for p in a.parameters()]
    assert not {p.data_ptr() for p in result.parameters()} & {p.data_ptr() for p in (*a.parameters(), *b.parameters())}


def test_buffers_that_count_batches_are_the_references() -> None:
    models = [nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).double() for _ in range(2)]
    for model, count in zip(models, (7, 9), strict=True):
        model[1].num_batches_tracked.fill_(count)
    assert funcsim.merge(*models, ROWS)[1].num_batches_tracked == 7


def test_half_precision() -> None:
    a, b = mlp(1).half(), mlp(2).half()
    result = funcsim.merge(a, b, ROWS.half())
    assert {p.dtype for p in result.parameters()} == {torch.float16}
    wide = funcsim.merge(a.float(), b.float(), ROWS.float())
    torch.testing.assert_close(outputs(result.float(), ROWS.float()), outputs(wide, ROWS.float()), rtol=0, atol=2e-2)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)),
            "module 0, Linear(6, 8)",
        ),
        (nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)), "module 1, Tanh()"),
        (nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3)), "module 2, Linear(9, 3)"),
        (
            nn.Sequential(*mlp(0), nn.Identity()),
            "no further module (the reference) and module 5, Identity() (the model)",
        ),
    ],
)
def test_other_architectures_are_refused(other: nn.Sequential, words: str) -> None:
    with pytest.raises(ValueError, match="one architecture") as error:
        funcsim.merge(mlp(1), other.double(), ROWS)
    assert words in str(error.value)
    with pytest.raises(ValueError, match=r"\(network 2\)") as error:
        funcsim.merge(mlp(1), [mlp(2), other.double()], ROWS)
    assert words.split(" (the model)", maxsplit=1)[0] in str(error.value)


@pytest.mark.parametrize(
    ("weight", "error", "words"),
    [
        (1.5, ValueError, "from 0 to 1, got 1.5"),
        (-0.1, ValueError, "from 0 to 1, got -0.1"),
        (math.nan, ValueError, "from 0 to 1, got nan"),
        ("half", TypeError, "number from 0 to 1, got 'half'"),
        (True, TypeError, "number from 0 to 1, got True"),
        ([0.5, 0.5], ValueError, r"one share for each network in b, 1, got \[0.5, 0.5\]"),
    ],
)
def test_bad_weights(weight: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        funcsim.merge(mlp(1), mlp(2), ROWS, weight)


@pytest.mark.parametrize("name", ["repair", "rescale", "coordinate_descent"])
@pytest.mark.parametrize("function", ["merge", "barrier"])
def test_flags_are_true_or_false(function: str, name: str) -> None:
    targets = () if function == "merge" else (torch.zeros(len(ROWS), dtype=torch.int64),)
    with pytest.raises(TypeError, match=f"^{name} must be True or False, got 'no'$"):
        getattr(funcsim, function)(mlp(1), mlp(2), ROWS, *targets, **{name: "no"})


def test_bad_networks() -> None:
    with pytest.raises(ValueError, match="sum of at most 1"):
        funcsim.merge(mlp(1), [mlp(2), mlp(3)], ROWS, [0.7, 0.6])
    with pytest.raises(ValueError, match="at least one of them, got none"):
        funcsim.merge(mlp(1), [], ROWS)
    with pytest.raises(TypeError, match=r"b must be a torch\.nn\.Sequential or a list of these"):
        funcsim.merge(mlp(1), "network", ROWS)
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Sequential"):
        funcsim.merge(nn.Linear(6, 3), mlp(2), ROWS)
    with pytest.raises(RuntimeError, match="one dtype"):
        funcsim.merge(mlp(1).float(), mlp(2).half(), ROWS.float())
    parametrised = mlp(1)
    parametrizations.weight_norm(parametrised[0])
    with pytest.raises(ValueError, match="merge: the reference: module 0 is parametrised"):
        funcsim.merge(parametrised, mlp(2), ROWS)
    with pytest.raises(ValueError, match="similarity must be"):
        funcsim.merge(mlp(1), mlp(2), ROWS, similarity="cosine")


def test_errors_name_the_network() -> None:
    a, b, hooked, broken = (mlp(seed) for seed in range(4))
    hooked[0].register_forward_hook(lambda *_: None)
    with torch.no_grad():
        broken[2].weight[0, 0] = torch.nan
    other = nn.Sequential(*mlp(1)[:4], nn.Linear(7, 4)).double()
    has_hooks = r"describe: module 0 \(Linear\) has forward hooks"
    for arguments, words in (
        ((hooked, b), f"^the reference: {has_hooks}"),
        ((a, hooked), f"^the model: {has_hooks}"),
        ((a, [b, hooked]), f"^network 2: {has_hooks}"),
        ((a, other), r"Linear\(7, 3\) \(the reference\) and module 4, Linear\(7, 4\) \(the model\)"),
        ((a, [b, other]), r"\(the reference\) and module 4, Linear\(7, 4\) \(network 2\)"),
        ((a, broken), "^the model: .*NaN"),
        ((a, [b, broken]), "^network 2: the model: .*NaN"),
        ((a, [b, mlp(1).float()]), r"^network 2: the model: .*float32"),
    ):
        with pytest.raises((ValueError, RuntimeError), match=words):
            funcsim.merge(*arguments, ROWS)


@pytest.mark.parametrize("kind", [tuple, np.array, torch.tensor, lambda shares: torch.tensor(shares).double()])
def test_weights_of_any_kind(kind: Callable[[list[float]], object]) -> None:
    a, others = mlp(1), [mlp(2), mlp(3)]
    got = funcsim.merge(a, others, ROWS, kind([0.25, 0.5]))
    expected = funcsim.merge(a, others, ROWS, [0.25, 0.5])
    assert all(torch.equal(x, y) for x, y in zip(got.parameters(), expected.parameters(), strict=True))
    single, number = (funcsim.merge(a, others[0], ROWS, share) for share in (torch.tensor(0.25), 0.25))
    assert torch.equal(single[0].weight, number[0].weight)
    with pytest.raises(ValueError, match="one-dimensional"):
        funcsim.merge(a, others, ROWS, np.full((2, 2), 0.1))
    with pytest.raises(ValueError, match="from 0 to 1, got nan"):
        funcsim.merge(a, others, ROWS, np.array([0.1, np.nan]))
