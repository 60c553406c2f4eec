"""Counts and fingerprints of signatures."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits
from oracle.profile import examples

ops = torch.ops.funcsim


def _random(units: int, samples: int, seed: int) -> tuple[np.ndarray, torch.Tensor]:
    rng = np.random.default_rng(seed)
    x = rng.random((units, samples)) < rng.choice([0.0, 0.1, 0.5, 1.0], size=(units, 1))
    return x, torch.from_numpy(bits.pack_bits(x))


@given(units=st.integers(0, 30), samples=st.integers(0, 400), seed=st.integers(0, 2**32 - 1))
@examples(40)
def test_counts_are_popcounts_and_fingerprints_tell_signatures_apart(
    device: torch.device, units: int, samples: int, seed: int
) -> None:
    x, packed = _random(units, samples, seed)
    counts, fingerprints = ops.signature_statistics(packed.to(device), samples)
    assert counts.device == fingerprints.device == device
    counts, fingerprints = counts.cpu(), fingerprints.cpu()
    assert counts.dtype == fingerprints.dtype == torch.int64
    assert counts.shape == fingerprints.shape == (units,)
    np.testing.assert_array_equal(counts.numpy(), x.sum(1))
    for i in range(units):
        for j in range(units):
            assert np.array_equal(x[i], x[j]) == (fingerprints[i] == fingerprints[j]).item()


@given(cut=st.integers(1, 15), samples=st.integers(961, 1100), first=st.sampled_from([0, 64, 2**40]))
@examples(20)
def test_both_add_up_over_batches(device: torch.device, cut: int, samples: int, first: int) -> None:
    x, packed = _random(20, samples, samples)
    whole = ops.signature_statistics(packed, samples, first)
    middle = 64 * cut
    parts = [torch.from_numpy(bits.pack_bits(part)).to(device) for part in (x[:, :middle], x[:, middle:])]
    one = ops.signature_statistics(parts[0], middle, first)
    two = ops.signature_statistics(parts[1], samples - middle, first + middle)
    for total, left, right in zip(whole, one, two, strict=True):
        np.testing.assert_array_equal(total.numpy(), (left + right).cpu().numpy())


def test_one_bit_anywhere_changes_the_fingerprint(device: torch.device) -> None:
    x = np.eye(700, dtype=bool)
    _, fingerprints = ops.signature_statistics(torch.from_numpy(bits.pack_bits(x)).to(device), 700)
    assert len(set(fingerprints.tolist())) == 700


def test_the_same_bits_at_another_place_differ(device: torch.device) -> None:
    _, packed = _random(5, 640, 3)
    packed = packed.to(device)
    packed[:] = 0x5A
    here, there = (ops.signature_statistics(packed, 640, first)[1] for first in (0, 640))
    assert (here != there).all()


@pytest.mark.parametrize(("units", "samples"), [(1000, 100), (3, 20_001), (130, 4096)])
def test_many_units_and_samples_as_on_the_cpu(device: torch.device, units: int, samples: int) -> None:
    _, packed = _random(units, samples, 5)
    got, expected = (ops.signature_statistics(rows, samples, 128) for rows in (packed.to(device), packed))
    assert torch.equal(got[0].cpu(), expected[0])
    assert torch.equal(got[1].cpu(), expected[1])


def test_any_layout(device: torch.device) -> None:
    _, packed = _random(24, 192, 4)
    packed = packed.to(device)
    for view in (packed.t(), packed[::2, 1::3], packed[:1].expand(4, -1)):
        samples = 8 * view.shape[1]
        got, expected = (ops.signature_statistics(rows, samples) for rows in (view, view.cpu().contiguous()))
        assert torch.equal(got[0].cpu(), expected[0])
        assert torch.equal(got[1].cpu(), expected[1])
