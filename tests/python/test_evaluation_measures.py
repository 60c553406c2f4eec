"""The measures that funcsim is evaluated against give what their papers say, where that can be had another way."""

import itertools
import pathlib
import sys

import built
import funcsim
import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from torch import Tensor, nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
if not built.REQUIRED:
    for peer in ("ckatorch", "matplotlib", "mnist1d"):
        pytest.importorskip(peer, reason="./run evaluate installs what funcsim is evaluated with")

sys.path.insert(0, str(ROOT))

# E402: found, and with what they need, from here on only.
from ckatorch.core import cka_base, cka_batch  # noqa: E402

from evaluation.measures import MEASURES, NAMES, activations, cca, cka, correlation, functional  # noqa: E402
from evaluation.measures import procrustes as procrustes_module  # noqa: E402
from evaluation.measures import weights as weights_module  # noqa: E402
from evaluation.networks import Architecture  # noqa: E402


def layers(seed: int, samples: int = 512, units: tuple[int, int] = (12, 9)) -> tuple[Tensor, Tensor]:
    """Activations of two layers that have something in common."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(samples, units[0], generator=generator).relu()
    b = (a @ torch.randn(*units, generator=generator) + torch.randn(samples, units[1], generator=generator)).relu()
    return a, b


def rotation(units: int) -> Tensor:
    return torch.from_numpy(ortho_group.rvs(units, random_state=np.random.default_rng(0)))


@pytest.mark.parametrize("units", [(12, 9), (300, 9), (300, 270)])
def test_minibatch_cka_is_that_of_another_package(units: tuple[int, int]) -> None:
    a, b = layers(0, units=units)
    expected = cka_batch(a.reshape(2, cka.BATCH, -1), b.reshape(2, cka.BATCH, -1))
    assert cka.minibatch_cka(cka.recorded(a), cka.recorded(b)) == pytest.approx(expected.item(), abs=1e-12)


def test_full_cka_is_that_of_another_package() -> None:
    a, b = layers(0)
    assert cka.full_cka(a, b) == pytest.approx(cka_base(a, b).item(), abs=1e-12)


def test_the_debiased_estimate_of_unrelated_layers_is_around_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    values = [
        cka.minibatch_cka(*(cka.recorded(torch.randn(64, 100, generator=generator)) for _ in range(2)))
        for _ in range(100)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / 10
    assert cka.full_cka(torch.randn(64, 100, generator=generator), torch.randn(64, 100, generator=generator)) > 0.5


def test_procrustes_is_what_the_best_rotation_leaves() -> None:
    a, b = (procrustes_module.normalised(layer.double()).double() for layer in layers(1, units=(6, 6)))
    left, _, right = np.linalg.svd((b.T @ a).numpy())
    distance = np.linalg.norm(a.numpy() - b.numpy() @ (left @ right)) ** 2
    assert procrustes_module.procrustes_similarity(a, b) == pytest.approx(1 - distance / 2, abs=1e-6)
    turned = procrustes_module.normalised(3 * (a @ rotation(6)) + 5).double()
    assert procrustes_module.procrustes_similarity(a, turned) == pytest.approx(1, abs=1e-6)


def test_canonical_correlations_are_what_linear_maps_leave() -> None:
    a = torch.randn(400, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mixed = a @ torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 2
    x, y = cca.decomposed(a), cca.decomposed(mixed)
    assert cca.pwcca(x, y) == pytest.approx(1)
    assert cca.svcca(x, x) == pytest.approx(1)


def test_canonical_correlations_of_single_units_are_correlations() -> None:
    a, b = layers(3, units=(1, 1))
    expected = abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1])
    x, y = cca.decomposed(a), cca.decomposed(b)
    assert cca.svcca(x, y) == pytest.approx(expected)
    assert cca.pwcca(x, y) == pytest.approx(expected)


def test_pwcca_weighs_directions_by_their_part_in_the_activations() -> None:
    generator = np.random.default_rng(0)
    shared, other_a, other_b = np.linalg.qr(generator.normal(size=(200, 3)) - 0)[0].T
    shared, other_a, other_b = (row - row.mean() for row in (shared, other_a, other_b))
    basis = np.linalg.qr(np.stack([shared, other_a, other_b], axis=1))[0].T
    a = torch.from_numpy(np.stack([3 * basis[0], basis[1]], axis=1))
    b = torch.from_numpy(np.stack([3 * basis[0], basis[2]], axis=1))
    # One direction is shared, the other not at all; units account for them 3 to 1.
    assert cca.pwcca(cca.decomposed(a), cca.decomposed(b)) == pytest.approx(3 / 4, abs=1e-9)


def test_svcca_leaves_out_what_hardly_varies() -> None:
    generator = torch.Generator().manual_seed(0)
    strong = torch.randn(300, 2, generator=generator)
    a, b = (torch.cat([strong, 1e-3 * torch.randn(300, 2, generator=generator)], dim=1) for _ in range(2))
    x, y = cca.decomposed(a), cca.decomposed(b)
    assert x.kept == y.kept == 2
    assert cca.svcca(x, y) > 0.999


def test_matched_correlation_is_the_best_of_all_pairings() -> None:
    a, b = layers(4, units=(4, 4))
    table = np.corrcoef(a.numpy(), b.numpy(), rowvar=False)[:4, 4:]
    best = max(sum(table[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(4)))
    got = correlation.correlations(correlation.standardised(a), correlation.standardised(b))
    assert correlation.matched_mean(got) == pytest.approx(best / 4, abs=1e-6)


def test_units_that_do_not_vary_have_correlations_too() -> None:
    a, b = torch.tensor([[0.0, 1.0], [0.0, 2.0]]), torch.tensor([[5.0, 1.0], [5.0, 0.0]])
    got = correlation.correlations(correlation.standardised(a), correlation.standardised(b))
    assert torch.allclose(got, torch.tensor([[1.0, 0.0], [0.0, -1.0]]), atol=1e-6)


def permuted_mlp(model: nn.Sequential) -> nn.Sequential:
    """A copy of a 64-n-n-10 network with its units in another order and on other scales."""
    copied = Architecture("mlp", 2, model[0].out_features).build()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        columns: Tensor | slice = slice(None)
        scale_in = torch.ones(())
        for index in (0, 2, 4):
            units = model[index].out_features
            order = torch.randperm(units, generator=generator) if index < 4 else torch.arange(units)
            scale = 4 ** torch.rand(units, generator=generator) if index < 4 else torch.ones(units)
            copied[index].weight.copy_(model[index].weight[order][:, columns] * scale[:, None] / scale_in)
            copied[index].bias.copy_(model[index].bias[order] * scale)
            columns, scale_in = order, scale
    return copied


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: ", ".join(measure.names))
def test_every_measure_gives_one_for_the_same_network(measure: object) -> None:
    model = Architecture("mlp", 2, 16).build()
    inputs = torch.randn(300, 64)
    record = measure.record(model, inputs)
    assert measure.scores(record, record) == {name: pytest.approx(1, abs=1e-6) for name in measure.names}


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: ", ".join(measure.names))
def test_no_measure_cares_for_the_order_of_units(measure: object) -> None:
    model = Architecture("mlp", 2, 16).build()
    inputs = torch.randn(300, 64)
    twin = permuted_mlp(model)
    assert torch.allclose(model(inputs), twin(inputs), atol=1e-4)
    scores = measure.scores(measure.record(model, inputs), measure.record(twin, inputs))
    scaled = {"CKA", "Procrustes", "SVCCA", "PWCCA"}  # which know no scale of units, only of layers
    for name in set(measure.names) - scaled:
        assert scores[name] == pytest.approx(1, abs=1e-3), name


def test_funcsims_measures_are_those_of_compare() -> None:
    for kind in ("mlp", "cnn", "cnn1d"):
        architecture = Architecture(kind, 2, 16)
        a, b = architecture.build().eval(), architecture.build().eval()
        inputs = architecture.shaped(torch.randn(100, 64))
        records = functional.signatures(a, inputs), functional.signatures(b, inputs)
        comparison = funcsim.compare(a, b, inputs)
        assert functional.score_and_chance(*records) == (comparison.score, comparison.chance)
        phi = funcsim.compare(a, b, inputs, similarity="phi")
        assert functional.score_and_chance(*records, "phi")[0] == phi.score


def test_activations_are_those_of_hooks() -> None:
    for kind in ("mlp", "cnn", "cnn1d"):
        architecture = Architecture(kind, 3, 16)
        model = architecture.build().eval()
        inputs = architecture.shaped(torch.randn(50, 64))
        got = activations.hidden_activations(model, inputs)
        seen: list[Tensor] = []
        for module in model:
            if isinstance(module, nn.ReLU):
                module.register_forward_hook(lambda _module, _inputs, output, seen=seen: seen.append(output))
        model(inputs)
        expected = [*seen]
        assert len(got) == len(expected)
        for layer, whole in zip(got, expected, strict=True):
            if whole.dim() == 2:
                torch.testing.assert_close(layer, whole)  # batches of another size round otherwise
            else:
                assert layer.shape == (50 * 16, whole.shape[1])
                # Every row is what the units of one input do at one place.
                places = whole.flatten(2).transpose(1, 2).repeat_interleave(16, dim=0)
                assert (places - layer[:, None]).abs().amax(dim=2).amin(dim=1).max() < 1e-5


def test_weight_matching_follows_units_through_flatten_and_batch_norm() -> None:
    model = Architecture("cnn").build().eval()
    twin = Architecture("cnn").build().eval()
    twin.load_state_dict(model.state_dict())
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():  # the last convolution's units, whose receivers lie behind Flatten
        conv, norm, linear = twin[7], twin[8], twin[12]
        assert isinstance(conv, nn.Conv2d)
        conv.weight.copy_(conv.weight[order])
        norm.weight.copy_(torch.linspace(0.5, 2, 32)[order])
        model[8].weight.copy_(torch.linspace(0.5, 2, 32))
        columns = linear.weight.reshape(64, 32, -1)[:, order].reshape(64, -1)
        linear.weight.copy_(columns)
    inputs = torch.randn(20, 1, 8, 8)
    assert torch.allclose(model(inputs), twin(inputs), atol=1e-4)
    means = weights_module.matched_cosine(
        weights_module.canonical_weights(model), weights_module.canonical_weights(twin)
    )
    assert means == pytest.approx([1, 1, 1, 1], abs=1e-6)
    assert (
        weights_module.matched_cosine(
            weights_module.canonical_weights(model),
            weights_module.canonical_weights(Architecture("cnn").build().eval()),
        )[2]
        < 0.5
    )


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)
