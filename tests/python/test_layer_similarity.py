"""funcsim.layer_similarity: the matrix of all layer scores, against compare and the oracle."""

import copy
import itertools

import funcsim
import numpy as np
import pytest
import torch
from oracle import bits, hashing, hooks, matching, networks
from torch import nn

BY_NAME = {network.name: network for network in networks.NETWORKS}


def _network(*widths: int, seed: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        modules += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*modules[:-1]).double()
    networks.make_integer_valued(model, torch.Generator().manual_seed(seed))
    return model


A, B = _network(5, 7, 6, 8, 3, seed=1), _network(5, 9, 6, 3, seed=2)
INPUTS = torch.randint(-4, 5, (400, 5), generator=torch.Generator().manual_seed(0)).double()


def _bits(model: nn.Sequential) -> list[np.ndarray]:
    return [(z[:, 0] > 0).T for z in hooks.preactivations(model, INPUTS)]


def _matrix(layers_a: list[np.ndarray], layers_b: list[np.ndarray]) -> np.ndarray:
    return np.array([[matching.layer_score(bits.jaccard(x, y)) for y in layers_b] for x in layers_a])


def _there(device: torch.device) -> tuple[nn.Sequential, nn.Sequential]:
    return copy.deepcopy(A).to(device), copy.deepcopy(B).to(device)


def test_scores_and_chances_are_the_oracles(device: torch.device) -> None:
    got = funcsim.layer_similarity(*_there(device), INPUTS.to(device), seed=4)
    assert got.scores.is_cpu
    assert got.chances.is_cpu
    assert got.adjusted.is_cpu
    assert (got.names_a, got.names_b) == (("0", "2", "4"), ("0", "2"))
    assert (got.method, got.similarity, got.num_inputs) == ("exact", "jaccard", 400)
    assert got.scores.shape == got.chances.shape == got.adjusted.shape == (3, 2)
    assert got.scores.dtype == got.chances.dtype == got.adjusted.dtype == torch.float64
    chances = _matrix(_bits(A), [hashing.shuffle(y, 400, 1, 4) for y in _bits(B)])
    np.testing.assert_allclose(got.scores, _matrix(_bits(A), _bits(B)), rtol=1e-6)
    np.testing.assert_allclose(got.chances, chances, rtol=1e-6)
    np.testing.assert_allclose(got.adjusted, (got.scores - got.chances) / (1 - got.chances))


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_agrees_with_compare(device: torch.device, method: str) -> None:
    a, b = _there(device)
    options = {"method": method, "num_hashes": 64, "seed": 2, "margin": 0.1}
    got = funcsim.layer_similarity(a, b, INPUTS.split(90), **options)
    assert got.method == method
    for i in range(3):
        for j in range(2):
            (layer,) = funcsim.compare(a, b, INPUTS, layers=[(i, j)], **options).layers
            assert layer.score == got.scores[i, j].item()
            assert layer.chance == got.chances[i, j].item()
            assert layer.adjusted == pytest.approx(got.adjusted[i, j].item())


def test_swapped_networks_give_the_transposed_matrix() -> None:
    forth, back = funcsim.layer_similarity(A, B, INPUTS), funcsim.layer_similarity(B, A, INPUTS)
    assert torch.equal(forth.scores, back.scores.T)
    assert torch.equal(forth.chances, back.chances.T)


def test_with_itself_the_diagonal_is_one() -> None:
    got = funcsim.layer_similarity(A, A, INPUTS)
    assert (got.scores.diagonal() == 1).all()
    assert (got.adjusted.diagonal() == 1).all()


def test_adjusted_is_one_where_chance_is_one() -> None:
    """A layer whose units never fire is as similar to itself as chance would have it."""
    dead = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        dead[0].weight.zero_()
        dead[0].bias.fill_(-1)
    got = funcsim.layer_similarity(dead, dead, INPUTS)
    assert got.scores.tolist() == got.chances.tolist() == got.adjusted.tolist() == [[1.0]]


def test_phi(device: torch.device) -> None:
    got = funcsim.layer_similarity(*_there(device), INPUTS, similarity="phi")
    expected = [[matching.layer_score(bits.phi(x, y)) for y in _bits(B)] for x in _bits(A)]
    np.testing.assert_allclose(got.scores, expected, rtol=1e-5, atol=1e-6)


def test_layers_of_different_numbers_of_samples_need_any(device: torch.device) -> None:
    (a, inputs), (b, _) = BY_NAME["conv2d"].make(1), BY_NAME["conv2d"].make(2)
    a, b = a.to(device), b.to(device)
    with pytest.raises(RuntimeError, match='positions="any"'):
        funcsim.layer_similarity(a, b, inputs)
    got = funcsim.layer_similarity(a, b, inputs, positions="any")
    assert got.scores.shape == (4, 4)
    assert ((got.scores >= 0) & (got.scores <= 1)).all()


def test_sketches_instead_of_networks(device: torch.device) -> None:
    a, b = _there(device)
    sketches = [funcsim.sketch(model, INPUTS, num_hashes=64) for model in (a, b)]
    expected = funcsim.layer_similarity(a, b, INPUTS, method="minhash", num_hashes=64)
    for pair, inputs in ((sketches, None), ((sketches[0], b), INPUTS), ((a, sketches[1]), INPUTS)):
        got = funcsim.layer_similarity(*pair, inputs)
        assert torch.equal(got.scores, expected.scores)
        assert torch.equal(got.chances, expected.chances)


def test_prints_a_table() -> None:
    got = funcsim.LayerSimilarity(
        names_a=("0", "block.2"),
        names_b=("0", "2", "4"),
        scores=torch.zeros(2, 3),
        chances=torch.zeros(2, 3),
        adjusted=torch.tensor([[1.0, 0.5, -0.25], [0.125, 0.0, 1 / 3]]),
        method="exact",
        similarity="phi",
        num_inputs=10,
    )
    assert str(got) == (
        "adjusted layer scores (exact, phi), layers of a in rows, of b in columns\n"
        "         0       2       4\n"
        "0        1.0000  0.5000  -0.2500\n"
        "block.2  0.1250  0.0000  0.3333"
    )
    assert repr(got) == str(got)
