"""network_signatures against the bits PyTorch itself gives through forward hooks."""

import copy
import itertools
import math

import devices
import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits, canonical, hashing, hooks, networks, random_networks, transform
from oracle.profile import examples
from torch import nn

ops = torch.ops.funcsim
BOUNDARY = {torch.float64: 1e-11, torch.float32: 2e-5}


def _signatures(
    model: nn.Sequential, inputs: torch.Tensor, *args: object, device: torch.device | str = "cpu"
) -> list[np.ndarray]:
    parameters = devices.moved(funcsim.parameters(model), device)
    got = ops.network_signatures(funcsim.describe(model), parameters, inputs.to(device), *args)
    assert all(signature.dtype == torch.uint8 for signature in got)
    assert {signature.device for signature in got} == {torch.device(device)}
    return [signature.cpu().numpy() for signature in got]


def _sampled(
    model: nn.Sequential, inputs: torch.Tensor, positions: int, seed: int = 0, first: int = 0
) -> list[np.ndarray]:
    """Pre-activations ``[samples, units]`` of every hidden layer."""
    arrays = []
    for z, grid in zip(hooks.preactivations(model, inputs), hooks.grids(model, inputs), strict=True):
        points = None
        if positions > 0 and math.prod(grid) > 1:
            points = hashing.grid_points(first, len(inputs), positions, grid, seed)
        arrays.append(hooks.sampled(z, positions, points))
    return arrays


def _assert_bits(got: np.ndarray, z: np.ndarray, margin: float, boundary: float) -> None:
    """Equal bits wherever z is not within rounding of the margin; what is exactly there must stay there."""
    assert got.shape == (z.shape[1], -(-len(z) // 8))
    ours = bits.unpack(got, len(z))
    unclear = np.abs(z.T.astype(np.float64) - margin) < boundary * np.abs(z).max()
    unclear &= margin != z.T
    assert unclear.mean() < 0.02
    np.testing.assert_array_equal(ours | unclear, (margin < z.T) | unclear)


@pytest.mark.parametrize("dtype", BOUNDARY, ids=str)
@pytest.mark.parametrize("positions", [0, -1, 3])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_every_layer_type(device: torch.device, network: networks.Network, positions: int, dtype: torch.dtype) -> None:
    model, inputs = network.make(seed=2, dtype=dtype)
    got = _signatures(model, inputs, 0.0, positions, 7, device=device)
    expected = _sampled(model, inputs, positions, seed=7)
    assert len(got) == len(expected)
    for ours, z in zip(got, expected, strict=True):
        _assert_bits(ours, z, 0.0, BOUNDARY[dtype])


@pytest.mark.parametrize("margin", [0.05, 1.0])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_margin_is_a_distance_in_the_canonical_network(
    device: torch.device, network: networks.Network, margin: float
) -> None:
    model, inputs = network.make(seed=3)
    got = _signatures(model, inputs, margin, 0, device=device)
    form = canonical.canonicalize(model, inputs)
    for ours, z in zip(got, _sampled(form.model, inputs, 0), strict=True):
        _assert_bits(ours, z, margin, 1e-11)


@given(seed=st.integers(0, 2**32 - 1), margin=st.sampled_from([0.0, 0.2]))
@examples(25)
def test_random_mlps(device: torch.device, seed: int, margin: float) -> None:
    model, inputs = random_networks.random_mlp(seed)
    form = canonical.canonicalize(model, inputs)
    got = _signatures(model, inputs, margin, device=device)
    for ours, z in zip(got, _sampled(form.model, inputs, 0), strict=True):
        _assert_bits(ours, z, margin, 1e-11)


@given(seed=st.integers(0, 2**32 - 1), margin=st.sampled_from([0.0, 0.2]), positions=st.sampled_from([0, -1, 16]))
@examples(25)
def test_random_cnns(device: torch.device, seed: int, margin: float, positions: int) -> None:
    model, inputs = random_networks.random_cnn(seed)
    form = canonical.canonicalize(model, inputs)
    got = _signatures(model, inputs, margin, positions, device=device)
    for ours, z in zip(got, _sampled(form.model, inputs, positions), strict=True):
        _assert_bits(ours, z, margin, 1e-11)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("network", networks.INTEGER_NETWORKS, ids=lambda network: network.name)
def test_integer_networks_are_exact(
    device: torch.device, network: networks.Network, seed: int, dtype: torch.dtype
) -> None:
    """Nothing is rounded, many pre-activations are exactly 0, and every bit must be right."""
    model, inputs = network.make(seed)
    generator = torch.Generator().manual_seed(seed)
    networks.make_integer_valued(model, generator)
    inputs = torch.randint(-3, 4, inputs.shape, generator=generator).to(dtype)
    model = model.to(dtype)
    arrays = _sampled(model, inputs, 0)
    assert any((z == 0).any() for z in arrays)
    for ours, z in zip(_signatures(model, inputs, 0.0, 0, device=device), arrays, strict=True):
        np.testing.assert_array_equal(ours, bits.pack(z))


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_rescaling_by_powers_of_two_changes_no_bit(device: torch.device, network: networks.Network) -> None:
    model, inputs = network.make(seed=4, dtype=torch.float32)
    other = transform.rescaled(model, inputs, np.random.default_rng(0))
    for margin in (0.0, 0.3):
        signatures, rescaled = (_signatures(some, inputs, margin, device=device) for some in (model, other))
        for one, two in zip(signatures, rescaled, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "network", [n for n in networks.NETWORKS if transform.permutable(n.make(0)[0])], ids=lambda network: network.name
)
def test_permuting_units_permutes_signatures(device: torch.device, network: networks.Network) -> None:
    model, inputs = network.make(seed=5)
    other, orders = transform.permuted(model, inputs, np.random.default_rng(0))
    signatures, permuted = (_signatures(some, inputs, device=device) for some in (model, other))
    for one, two, order in zip(signatures, permuted, orders, strict=True):
        np.testing.assert_array_equal(one[order], two)


@given(cuts=st.lists(st.integers(1, 11), max_size=3, unique=True), positions=st.sampled_from([0, -1, 16, 5]))
@examples(12)
def test_batches_give_the_bits_of_the_whole(device: torch.device, cuts: list[int], positions: int) -> None:
    """first_input is what makes the sampled positions those of the whole."""
    model, inputs = networks.NETWORKS[2].make(seed=6)
    edges = [0, *sorted(cuts), len(inputs)]
    whole = _signatures(model, inputs, 0.0, positions, 3, device=device)
    samples = [len(z) for z in _sampled(model, inputs, positions)]
    parts: list[list[np.ndarray]] = [[] for _ in whole]
    for start, end in itertools.pairwise(edges):
        batch = _signatures(model, inputs[start:end], 0.0, positions, 3, start, device=device)
        for part, signature, count in zip(parts, batch, samples, strict=True):
            part.append(bits.unpack(signature, count * (end - start) // len(inputs)))
    for part, signature, count in zip(parts, whole, samples, strict=True):
        np.testing.assert_array_equal(np.concatenate(part, axis=1), bits.unpack(signature, count))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["mlp", "conv2d", "norms"])
def test_narrow_floats_are_computed_in_float32(device: torch.device, name: str, dtype: torch.dtype) -> None:
    (network,) = [network for network in networks.NETWORKS if network.name == name]
    model, inputs = network.make(seed=7)
    model, inputs = model.to(dtype), inputs.to(dtype)
    got = _signatures(model, inputs, device=device)
    if name == "norms":  # an RMSNorm without eps takes the epsilon of the dtype it is given
        return
    wide = _signatures(copy.deepcopy(model).float(), inputs.float(), device=device)
    for one, two in zip(got, wide, strict=True):
        np.testing.assert_array_equal(one, two)


def test_infinities_count_by_sign(device: torch.device) -> None:
    model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    inputs = torch.tensor([[math.inf], [-math.inf], [1.0]], dtype=torch.float64)
    (got,) = _signatures(model, inputs, device=device)
    assert got.tolist() == [[0b101], [0b010]]


@pytest.mark.parametrize("layout", ["transposed", "strided", "expanded", "offset"])
def test_any_layout_of_inputs(device: torch.device, layout: str) -> None:
    model, _ = networks.NETWORKS[0].make(seed=8)
    base = torch.randn(24, 24, generator=torch.Generator().manual_seed(8), dtype=torch.float64).to(device)
    view = {
        "transposed": base.t()[:, :10],
        "strided": base[::2, 1:21:2],
        "expanded": base[:1, :10].expand(9, -1),
        "offset": base[5:, 7:17],
    }[layout]
    got, expected = (_signatures(model, inputs, device=device) for inputs in (view, view.contiguous()))
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, two)


def test_channels_last_inputs(device: torch.device) -> None:
    model, inputs = networks.NETWORKS[2].make(seed=9)
    last = inputs.to(device).to(memory_format=torch.channels_last)
    assert not last.is_contiguous()
    got, expected = (_signatures(model, some, 0.0, 0, device=device) for some in (last, inputs))
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, two)


def test_position_points_do_not_depend_on_the_layer(device: torch.device) -> None:
    """Two layers with the same grid look at the same points: a 1x1 identity convolution repeats the signatures."""
    copying = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        copying.weight.copy_(torch.eye(3)[:, :, None, None])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), copying, nn.ReLU(), nn.Conv2d(3, 1, 1))
    first, second = _signatures(model, torch.randn(9, 1, 8, 6), 0.0, 4, 5, device=device)
    np.testing.assert_array_equal(first, second)


def _cancelling(half: int, units: int, num_inputs: int) -> tuple[nn.Sequential, torch.Tensor]:
    """Pre-activations that are 0 but for rounding: every other way to round the sums shows."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(units, half, generator=generator)
    model = nn.Sequential(nn.Linear(2 * half, units, bias=False), nn.ReLU(), nn.Linear(units, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.cat([weight, -weight], dim=1))
    features = torch.randn(num_inputs, half, generator=generator)
    return model, torch.cat([features, features], dim=1)


# Linear layers of so many weights are computed by oneDNN where there is one.
WIDE = 256


def _wide(*hidden: nn.Module, inputs: int) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(inputs, WIDE), *hidden, nn.Linear(WIDE, WIDE, bias=False), nn.ReLU(), nn.Linear(WIDE, 2)
    )


@pytest.mark.parametrize("dtype", BOUNDARY, ids=str)
@pytest.mark.parametrize("shape", [(1, 130), (9, 130), (700, 130), (20, 5, 130)], ids=str)
def test_wide_linear_layers(device: torch.device, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    model = _wide(nn.Tanh(), inputs=130).to(dtype).eval()
    inputs = torch.randn(shape, dtype=dtype)
    expected = _sampled(model.double(), inputs.double(), 0)
    for ours, z in zip(_signatures(model.to(dtype), inputs, 0.0, 0, device=device), expected, strict=True):
        _assert_bits(ours, z, 0.0, BOUNDARY[dtype])


def test_wide_integer_networks_are_exact(device: torch.device) -> None:
    model = _wide(nn.ReLU(), inputs=128).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randint(-2, 3, parameter.shape))
    inputs = torch.randint(-3, 4, (300, 128)).float()
    for ours, z in zip(_signatures(model, inputs, device=device), _sampled(model, inputs, 0), strict=True):
        assert (z == 0).any()
        np.testing.assert_array_equal(bits.unpack(ours, 300), z.T > 0)


def test_blocks_of_4096_inputs_round_as_the_whole(device: torch.device) -> None:
    model, inputs = _cancelling(350, 64, 9000)
    (whole,) = _signatures(model, inputs, device=device)
    parts = [
        _signatures(model, part, 0.0, 16, 0, 4096 * i, device=device)[0] for i, part in enumerate(inputs.split(4096))
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize(("half", "units", "num_inputs"), [(3, 1, 1000), (3, 64, 1), (3, 64, 3), (10, 1, 3)])
def test_where_tensors_lie_in_memory_does_not_matter(half: int, units: int, num_inputs: int) -> None:
    model, inputs = _cancelling(half, units, num_inputs)
    (expected,) = _signatures(model, inputs)
    for offset in (1, 2, 5):
        moved = torch.empty(inputs.numel() + offset)[offset:].view_as(inputs).copy_(inputs)
        parameters = [torch.empty(p.numel() + offset)[offset:].view_as(p).copy_(p) for p in funcsim.parameters(model)]
        (got,) = ops.network_signatures(funcsim.describe(model), parameters, moved)
        np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_autocast_changes_nothing(dtype: torch.dtype) -> None:
    model, inputs = networks.NETWORKS[0].make(seed=9, dtype=dtype)
    network = (funcsim.describe(model), list(funcsim.parameters(model)))
    calls = [
        lambda: ops.network_signatures(*network, inputs, 0.1),
        lambda: ops.network_sketches(*network, inputs, num_hashes=16),
        lambda: ops.canonicalize(*network),
        lambda: ops.compare(*network, *network, inputs)[1:2],
    ]
    expected = [call() for call in calls]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = [call() for call in calls]
    for one, two in zip(got, expected, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(one, two, strict=True))


def test_negated_views_are_read_as_what_they_are(device: torch.device) -> None:
    model, inputs = networks.NETWORKS[0].make(seed=9)
    negated = torch._neg_view(inputs.to(device))
    assert negated.is_neg()
    got, expected = (_signatures(model, some, device=device) for some in (negated, -inputs))
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, two)
