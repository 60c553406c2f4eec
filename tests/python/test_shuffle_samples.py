"""The seeded pairing of inputs behind the chance level."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits, hashing
from oracle.profile import examples

ops = torch.ops.funcsim


def _random(units: int, samples: int, seed: int) -> tuple[np.ndarray, torch.Tensor]:
    x = np.random.default_rng(seed).random((units, samples)) < 0.4
    return x, torch.from_numpy(bits.pack_bits(x))


@given(
    units=st.integers(0, 5),
    inputs=st.integers(0, 90),
    per_input=st.sampled_from([1, 2, 5, 8, 16]),
    seed=st.integers(-(2**63), 2**63 - 1),
    first=st.sampled_from([0, 1, 4096, 2**40]),
)
@examples(40)
def test_equals_the_documented_pairing(
    device: torch.device, units: int, inputs: int, per_input: int, seed: int, first: int
) -> None:
    x, packed = _random(units, inputs * per_input, abs(seed) % 997)
    got = ops.shuffle_samples(packed.to(device), inputs, per_input, seed, first)
    assert got.device == device
    assert got.shape == packed.shape
    expected = hashing.shuffle(x, inputs, per_input, seed, first)
    np.testing.assert_array_equal(got.cpu().numpy(), bits.pack_bits(expected))


@pytest.mark.parametrize(("units", "inputs", "per_input"), [(70, 4096, 1), (3, 1001, 3), (130, 333, 8)])
def test_many_inputs(device: torch.device, units: int, inputs: int, per_input: int) -> None:
    x, packed = _random(units, inputs * per_input, 2)
    got = ops.shuffle_samples(packed.to(device), inputs, per_input, 3, 5)
    expected = hashing.shuffle(x, inputs, per_input, 3, 5)
    np.testing.assert_array_equal(got.cpu().numpy(), bits.pack_bits(expected))


@given(inputs=st.integers(1, 300), per_input=st.sampled_from([1, 3, 8]), seed=st.integers(0, 2**32 - 1))
@examples(25)
def test_is_an_involution_that_moves_whole_inputs(device: torch.device, inputs: int, per_input: int, seed: int) -> None:
    x, packed = _random(40, inputs * per_input, seed)
    packed = packed.to(device)
    shuffled = ops.shuffle_samples(packed, inputs, per_input, seed)
    assert torch.equal(ops.shuffle_samples(shuffled, inputs, per_input, seed), packed)
    before = x.reshape(40, inputs, per_input)
    after = bits.unpack(shuffled.cpu().numpy(), inputs * per_input).reshape(before.shape)
    columns = {before[:, i].tobytes() for i in range(inputs)}
    assert columns == {after[:, i].tobytes() for i in range(inputs)}
    stayed = sum(np.array_equal(before[:, i], after[:, i]) for i in range(inputs))
    assert stayed == inputs % 2  # 40 random units tell inputs apart


def test_the_pairing_is_the_same_for_all_layers(device: torch.device) -> None:
    """A unit that fires on whole inputs moves alike however many samples an input has."""
    fires = np.random.default_rng(0).random((6, 77)) < 0.5
    one = ops.shuffle_samples(torch.from_numpy(bits.pack_bits(fires)).to(device), 77, 1, 5).cpu()
    three = ops.shuffle_samples(
        torch.from_numpy(bits.pack_bits(np.repeat(fires, 3, axis=1))).to(device), 77, 3, 5
    ).cpu()
    np.testing.assert_array_equal(np.repeat(bits.unpack(one.numpy(), 77), 3, axis=1), bits.unpack(three.numpy(), 231))


def test_no_units_need_no_memory(device: torch.device) -> None:
    """However many samples they have."""
    none = torch.empty(0, 2**37, dtype=torch.uint8, device=device)
    assert ops.shuffle_samples(none, 2**40).shape == none.shape
    assert ops.shuffle_samples(none, 1, 2**40).shape == none.shape
    assert ops.shuffled_minhash(none, torch.zeros(1, dtype=torch.int64, device=device), 2**40).shape == (0, 1024)
    huge = torch.empty(0, 2**59, dtype=torch.uint8, device=device)
    assert ops.minhash(huge, 2**62).shape == (0, 1024)
    counts, fingerprints = ops.signature_statistics(huge, 2**62)
    assert counts.shape == fingerprints.shape == (0,)


def test_seeds_differ() -> None:
    _, packed = _random(8, 100, 0)
    assert not torch.equal(ops.shuffle_samples(packed, 100, 1, 0), ops.shuffle_samples(packed, 100, 1, 1))


@pytest.mark.parametrize("view", ["transposed", "strided", "expanded"])
def test_any_layout(device: torch.device, view: str) -> None:
    _, packed = _random(24, 192, 3)
    packed = packed.to(device)
    some = {"transposed": packed.t(), "strided": packed[:, ::2], "expanded": packed[:1].expand(4, -1)}[view]
    inputs = 8 * some.shape[1]
    expected = ops.shuffle_samples(some.cpu().contiguous(), inputs)
    assert torch.equal(ops.shuffle_samples(some, inputs).cpu(), expected)


def test_a_shuffle_makes_units_independent() -> None:
    """Equal sets of density p overlap like independent ones afterwards: J near p / (2 - p)."""
    x = np.random.default_rng(1).random((60, 4000)) < 0.3
    packed = torch.from_numpy(bits.pack_bits(x))
    similarity = ops.jaccard(packed, ops.shuffle_samples(packed, 4000, 1, 2)).diagonal()
    assert abs(similarity.mean().item() - 0.3 / 1.7) < 0.005
