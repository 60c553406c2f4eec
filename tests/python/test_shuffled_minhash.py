"""shuffled_minhash and shuffle_partners against shuffle_samples, minhash and the oracle."""

import devices
import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits, hashing
from oracle.profile import examples
from refusals import assert_finds, assert_says

ops = torch.ops.funcsim


def _signatures(units: int, samples: int, seed: int) -> torch.Tensor:
    fires = np.random.default_rng(seed).random((units, samples)) < 0.3
    return torch.from_numpy(bits.pack_bits(fires))


@given(num_inputs=st.integers(0, 40), seed=st.integers(-(2**63), 2**63 - 1), first=st.integers(0, 2**40))
@examples(30)
def test_partners_are_the_documented_ones(device: torch.device, num_inputs: int, seed: int, first: int) -> None:
    got = ops.shuffle_partners(torch.empty(num_inputs, 3, device=device), seed, first)
    assert got.device == device
    assert got.dtype == torch.int64
    assert got.tolist() == [first + partner for partner in hashing.pairing(num_inputs, seed, first)]


@given(num_inputs=st.integers(1, 60), samples=st.integers(1, 5), num_hashes=st.integers(1, 40), seed=st.integers(0, 99))
@examples(40)
def test_equals_minhash_of_shuffled_signatures(
    device: torch.device, num_inputs: int, samples: int, num_hashes: int, seed: int
) -> None:
    signatures = _signatures(4, num_inputs * samples, seed)
    partners = ops.shuffle_partners(torch.empty(num_inputs), seed)
    shuffled = ops.shuffle_samples(signatures, num_inputs, samples, seed)
    expected = ops.minhash(shuffled, num_inputs * samples, num_hashes, seed)
    got = ops.shuffled_minhash(signatures.to(device), partners.to(device), samples, num_hashes, seed)
    assert got.device == device
    assert torch.equal(got.cpu(), expected)


def test_blocks_merge_to_a_shuffle_of_all_inputs(device: torch.device) -> None:
    """A block needs to know where its own inputs go, and nothing of the others."""
    signatures = _signatures(5, 160 * 3, 1).to(device)
    partners = ops.shuffle_partners(torch.empty(160, device=device), 7)
    whole = ops.shuffled_minhash(signatures, partners, 3, 32, 7)
    parts = [
        ops.shuffled_minhash(signatures[:, start * 3 // 8 : end * 3 // 8], partners[start:end], 3, 32, 7)
        for start, end in ((0, 64), (64, 128), (128, 160))
    ]
    assert torch.equal(torch.stack(parts).amin(dim=0), whole)


@pytest.mark.parametrize("layout", ["transposed", "strided", "expanded"])
def test_any_layout(device: torch.device, layout: str) -> None:
    signatures = _signatures(24, 192, 2).to(device)
    view = {"transposed": signatures.t(), "strided": signatures[::2, ::2], "expanded": signatures[:1].expand(4, -1)}[
        layout
    ]
    partners = ops.shuffle_partners(torch.empty(2 * 8 * view.shape[1]), 5).to(device)[::2]
    expected = ops.shuffled_minhash(view.cpu().contiguous(), partners.cpu().contiguous(), 1, 16)
    assert torch.equal(ops.shuffled_minhash(view, partners, 1, 16).cpu(), expected)


U8 = torch.zeros(3, 2, dtype=torch.uint8)
PARTNERS = torch.arange(16)


def test_bad_partners(device: torch.device) -> None:
    for partners, samples, words in (
        (PARTNERS - 1, 1, ("partners", f"from 0 to {2**63 - 2},", "-1 at 0|another number at 0")),
        (PARTNERS.flip(0) - 2, 1, ("partners", "-1 at 14|another number at 14")),
        (PARTNERS * 2**58, 32, (f"from 0 to {2**58 - 2},", f"{2**58} at 1|another number at 1")),
    ):
        arguments = devices.moved((U8.repeat(1, samples), partners, samples), device)
        assert_finds(lambda arguments=arguments: ops.shuffled_minhash(*arguments), device, *words)


def test_bad_arguments() -> None:
    assert_says(lambda: ops.shuffled_minhash(U8.int(), PARTNERS), "signatures", "uint8", "int32")
    assert_says(lambda: ops.shuffled_minhash(U8, PARTNERS.int()), "partners", "int64", "int32")
    assert_says(lambda: ops.shuffled_minhash(U8, PARTNERS[None]), "partners", "[1, 16]")
    assert_says(lambda: ops.shuffled_minhash(U8, PARTNERS, 2), "signatures", "4", "2")
    assert_says(lambda: ops.shuffled_minhash(U8, PARTNERS, 0), "samples_per_input", "0")
    assert_says(lambda: ops.shuffled_minhash(U8, PARTNERS, 1, 0), "num_hashes", "0")
    assert_says(lambda: ops.shuffled_minhash(U8, PARTNERS, 2**62), str(2**62))
    assert_says(lambda: ops.shuffle_partners(torch.zeros(()), 0), "inputs", "[]")
    assert_says(lambda: ops.shuffle_partners(U8, 0, -1), "first_input", "-1")


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")
@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
def test_tensors_that_are_not_dense(layout: str) -> None:
    """Of every operator that reads memory; this file has the room."""
    dense = torch.eye(4)
    packed = dense.to_sparse() if layout == "sparse_coo" else dense.to_sparse_csr()
    architecture = "funcsim/1: Linear(4, 4, bias=false); ReLU(); Linear(4, 4, bias=false)"
    assert_says(lambda: ops.activation_signatures(packed), "dense")
    assert_says(lambda: ops.linear_sum_assignment(packed), "dense")
    assert_says(lambda: ops.network_signatures(architecture, [dense, dense], packed), "inputs", "dense")
    assert_says(lambda: ops.network_signatures(architecture, [dense, packed], dense), "weight", "dense")
