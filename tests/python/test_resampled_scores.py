"""bootstrap_scores and shuffled_scores against the oracle's."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import resampling
from oracle.profile import examples
from random_bits import packed, random_bits
from refusals import assert_says
from torch import Tensor

ops = torch.ops.funcsim
SEEDS = st.integers(-(2**63), 2**63 - 1)


def _matches(units_a: int, units_b: int, seed: int) -> np.ndarray:
    """Some units of b, none twice, and -1."""
    rng = np.random.default_rng(seed)
    partners = np.concatenate([np.arange(units_b), np.full(units_a, -1)])
    return rng.permutation(partners)[:units_a]


def _bits(samples: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two pairs of layers."""
    return [(random_bits(a, samples, a), random_bits(b, samples, b + 9)) for a, b in ((6, 4), (3, 8))]


def _on(device: torch.device, bits: list[tuple[np.ndarray, np.ndarray]]) -> tuple[list[Tensor], list[Tensor]]:
    return [packed(a).to(device) for a, _ in bits], [packed(b).to(device) for _, b in bits]


def _assert_equal(got: Tensor, expected: list[list[float]], device: torch.device) -> None:
    assert got.device == device
    assert got.dtype == torch.float64
    np.testing.assert_allclose(got.cpu().numpy(), np.array(expected), rtol=1e-6, atol=1e-7)


PER_INPUT = st.sampled_from([1, 3, 8])
SIMILARITIES = st.sampled_from(["jaccard", "phi"])


@given(inputs=st.sampled_from([2, 3, 20, 256, 300]), per_input=PER_INPUT, similarity=SIMILARITIES, seed=SEEDS)
@examples(30)
def test_bootstrap_equals_the_oracle(
    device: torch.device, inputs: int, per_input: int, similarity: str, seed: int
) -> None:
    samples = inputs * per_input
    bits = _bits(samples)
    matches = [_matches(len(a), len(b), 1) for a, b in bits]
    partners = [torch.from_numpy(of_layer).to(device) for of_layer in matches]
    got = ops.bootstrap_scores(*_on(device, bits), partners, [samples, samples], inputs, 5, seed, similarity)
    expected = [
        [
            resampling.bootstrap_score(a, b, of_layer, inputs, seed, replicate, similarity)
            for (a, b), of_layer in zip(bits, matches, strict=True)
        ]
        for replicate in range(5)
    ]
    _assert_equal(got, expected, device)


@given(inputs=st.integers(1, 40), per_input=PER_INPUT, similarity=SIMILARITIES, seed=SEEDS)
@examples(25)
def test_shuffles_equal_the_oracle(
    device: torch.device, inputs: int, per_input: int, similarity: str, seed: int
) -> None:
    samples = inputs * per_input
    bits = _bits(samples)
    got = ops.shuffled_scores(*_on(device, bits), [samples, samples], inputs, 4, seed, similarity)
    expected = [
        [resampling.shuffled_score(a, b, inputs, seed, shuffle, similarity) for a, b in bits] for shuffle in range(4)
    ]
    _assert_equal(got, expected, device)


def _layers() -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    a, b = [packed(random_bits(5, 24, 1))], [packed(random_bits(4, 24, 2))]
    return a, b, [torch.tensor([3, -1, 0, 1, 2])]


def test_the_first_replicates_are_those_of_fewer() -> None:
    a, b, matches = _layers()
    many = ops.bootstrap_scores(a, b, matches, [24], 24, 300)
    assert torch.equal(ops.bootstrap_scores(a, b, matches, [24], 24, 7), many[:7])
    assert torch.equal(ops.shuffled_scores(a, b, [24], 24, 2), ops.shuffled_scores(a, b, [24], 24, 5)[:2])


def test_bootstrap_refusals() -> None:
    a, b, matches = _layers()

    def call(**changes: object) -> object:
        arguments = {
            "layers_a": a,
            "layers_b": b,
            "matches": matches,
            "num_samples": [24],
            "num_inputs": 8,
            "replicates": 3,
        }
        return ops.bootstrap_scores(**{**arguments, **changes})

    call()
    sketches = [ops.minhash(a[0], 24, 8)]
    assert_says(lambda: call(layers_a=sketches, layers_b=sketches), "takes signatures (uint8), got sketches")
    assert_says(lambda: call(layers_a=[]), "layers_a must hold at least one layer")
    assert_says(lambda: call(layers_b=[*b, *b]), "layers_b holds 2 layers", "1")
    assert_says(lambda: call(num_samples=[16]), "layers_a[0] must have 2 bytes a unit")
    assert_says(lambda: call(num_inputs=1), "at least 2 inputs", "got 1")
    assert_says(lambda: call(num_inputs=7), "24 samples of layer 0 are no multiple of the 7 inputs")
    assert_says(lambda: call(replicates=0), "replicates must be from 1 to 16777216, got 0")
    assert_says(lambda: call(similarity="cosine"), "similarity must be", "cosine")
    assert_says(lambda: call(matches=[]), "matches must be as many as layers, 1, got 0")
    assert_says(lambda: call(matches=[matches[0][:4]]), "matches[0] must be int64 [5]", "[4]")
    assert_says(lambda: call(matches=[matches[0].int()]), "matches[0] must be int64 [5]", "int32")
    assert_says(lambda: call(matches=[torch.tensor([3, -1, 0, 4, 2])]), "from 0 to 3, or -1, got 4 at 3")
    assert_says(lambda: call(matches=[torch.tensor([3, -2, 0, 1, 2])]), "or -1, got -2 at 1")
    assert_says(lambda: call(matches=[torch.tensor([3, -1, 0, 1, 3])]), "gives unit 3 of layers_b[0] to two units", "4")


def test_shuffle_refusals() -> None:
    a, b, _ = _layers()
    sketches = [ops.minhash(a[0], 24, 8)]
    assert_says(lambda: ops.shuffled_scores(sketches, sketches, [24], 8, 3), "takes signatures (uint8), got sketches")
    assert_says(lambda: ops.shuffled_scores(a, b, [24], 8, 0), "shuffles must be from 1 to 16777216, got 0")
    assert_says(lambda: ops.shuffled_scores(a, b, [24], 0, 3), "num_inputs must be at least 1, got 0")
    assert_says(lambda: ops.shuffled_scores(a, b, [24], 7, 3), "7 inputs", "24 samples", "no multiple")
    assert_says(lambda: ops.shuffled_scores(a, b, [24], 8, 3, 0, "cosine"), "similarity must be", "cosine")


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    a, b = packed(random_bits(40, 3000, 1)), packed(random_bits(50, 3000, 2))
    matches = torch.from_numpy(_matches(40, 50, 3))

    def results() -> list[Tensor]:
        return [
            ops.bootstrap_scores([a], [b], [matches], [3000], 1000, 300),
            ops.shuffled_scores([a], [b], [3000], 1000, 3),
        ]

    before = torch.get_num_threads()
    expected = results()
    try:
        torch.set_num_threads(threads)
        assert all(map(torch.equal, results(), expected))
    finally:
        torch.set_num_threads(before)
