"""activation_signatures against the oracle."""

import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits
from oracle.profile import examples

ops = torch.ops.funcsim
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def _expected(z: torch.Tensor, margin: float = 0.0) -> np.ndarray:
    wide = z.double() if z.dtype == torch.float64 else z.float()
    return bits.pack(wide.numpy(), margin)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(samples=st.integers(0, 200), units=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
@examples(25)
def test_packs_as_the_oracle(device: torch.device, dtype: torch.dtype, samples: int, units: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randint(-2, 3, (samples, units), generator=generator).to(dtype)
    got = ops.activation_signatures(z.to(device))
    assert got.device == device
    assert got.dtype == torch.uint8
    assert got.shape == (units, -(-samples // 8))
    np.testing.assert_array_equal(got.cpu().numpy(), _expected(z))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(1037, 133), (3001, 5), (9, 1500)], ids=str)
def test_many_samples_and_units(device: torch.device, shape: tuple[int, int], dtype: torch.dtype) -> None:
    z = torch.randn(shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    for margin in (0.0, 0.5):
        got = ops.activation_signatures(z.to(device), margin)
        np.testing.assert_array_equal(got.cpu().numpy(), _expected(z, margin))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("margin", [0.0, 0.1, 1.0, 1e-40, 3.5])
def test_margin_is_strict(device: torch.device, dtype: torch.dtype, margin: float) -> None:
    z = torch.randn(131, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    z[0] = margin  # rounded to the dtype, as the oracle's comparison sees it
    z[1] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0)).to(dtype)
    got = ops.activation_signatures(z.to(device), margin).cpu().numpy()
    np.testing.assert_array_equal(got, ops.activation_signatures(z, margin).numpy())
    wide = z.double().numpy()
    # A threshold that float32 can't hold may be compared in float32 or in float64; the samples at it tell which.
    in_float32 = bits.pack(wide, float(np.float32(margin)))
    in_float64 = bits.pack(wide, margin)
    if dtype == torch.float64:
        np.testing.assert_array_equal(got, in_float64)
    else:
        assert np.array_equal(got, in_float32) or np.array_equal(got, in_float64)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_zeros_infinities_and_denormals(device: torch.device, dtype: torch.dtype) -> None:
    tiny = torch.finfo(dtype).smallest_normal
    z = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), tiny, -tiny, tiny / 2, -tiny / 2], dtype=dtype)
    assert ops.activation_signatures(z[:, None].to(device)).tolist() == [[0b01010100]]


def _layouts(z: torch.Tensor, wider: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "contiguous": z,
        "transposed": z.t().contiguous().t(),
        "strided": z[::3, 1::2],
        "offset": z[7:, 5:],
        "expanded rows": z[:1].expand(70, -1),
        "expanded columns": z[:, :1].expand(-1, 70),
        "flipped view of a wider": wider[:, 1].t(),
    }


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", _layouts(torch.zeros(50, 40), torch.zeros(40, 3, 50)))
def test_any_layout(device: torch.device, layout: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    memory = [torch.randn(shape, generator=generator).to(dtype) for shape in ((50, 40), (40, 3, 50))]
    z = _layouts(*(tensor.to(device) for tensor in memory))[layout]
    assert z.stride() == _layouts(*memory)[layout].stride()
    np.testing.assert_array_equal(ops.activation_signatures(z).cpu().numpy(), _expected(z.cpu()))


@given(split=st.integers(0, 8), seed=st.integers(0, 2**32 - 1))
@examples(10)
def test_batches_of_whole_bytes_are_the_bytes_of_the_whole(device: torch.device, split: int, seed: int) -> None:
    z = torch.randn(61, 5, generator=torch.Generator().manual_seed(seed)).to(device)
    parts = [ops.activation_signatures(part) for part in (z[: 8 * split], z[8 * split :]) if len(part)]
    assert torch.equal(torch.cat(parts, 1), ops.activation_signatures(z))


def test_the_input_is_left_alone(device: torch.device) -> None:
    z = torch.randn(9, 4).to(device)
    before = z.clone()
    ops.activation_signatures(z, 0.5)
    assert torch.equal(z, before)
