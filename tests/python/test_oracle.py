"""The oracle against small cases computed by hand, so that it can be trusted where it disagrees."""

import math

import numpy as np
import pytest
import torch
from oracle import bits, canonical, hooks, matching, networks, transform
from torch import nn


def _linear(weight: list[list[float]], bias: list[float] | None = None) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=bias is not None).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias))
    return layer


def test_pack_puts_sample_s_in_byte_s_div_8_at_bit_s_mod_8() -> None:
    z = np.full((10, 2), -1.0)
    z[[0, 3, 9], 0] = 1.0
    z[:, 1] = 0.0  # not above the margin
    z[8, 1] = 1e-300
    np.testing.assert_array_equal(bits.pack(z), [[0b00001001, 0b10], [0, 0b1]])
    np.testing.assert_array_equal(bits.unpack(bits.pack(z), 10), (z > 0).T)
    np.testing.assert_array_equal(bits.pack(z, margin=1.0), np.zeros((2, 2)))


def test_jaccard_and_phi_of_two_overlapping_sets() -> None:
    a = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=bool)
    b = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]], dtype=bool)
    np.testing.assert_allclose(bits.jaccard(a, b), [[1 / 3, 0, 1], [0, 1, 0], [1 / 2, 0, 1 / 2]])
    np.testing.assert_allclose(bits.phi(a, b), [[0, 0, 1], [0, 1, 0], [0, 0, 0]], atol=1e-15)


def test_phi_of_complements_is_minus_one() -> None:
    a = np.array([[1, 0, 0, 1]], dtype=bool)
    np.testing.assert_allclose(bits.phi(a, ~a), [[-1]])


def test_minhash_jaccard_leaves_out_slots_that_are_empty_in_both() -> None:
    empty = 2**31 - 1
    a = np.array([[5, empty, 7, empty]], dtype=np.int32)
    b = np.array([[5, empty, 8, 9], [empty] * 4], dtype=np.int32)
    np.testing.assert_allclose(bits.minhash_jaccard(a, b), [[1 / 3, 0]])
    np.testing.assert_allclose(bits.minhash_jaccard(b[1:], b[1:]), [[1]])


def test_assignment_and_scores_by_hand() -> None:
    similarity = np.array([[0.9, 0.8, 0.0], [0.8, 0.1, 0.0]])  # greedy takes 0.9 + 0.1, the best is 0.8 + 0.8
    assert matching.best_total(similarity) == pytest.approx(1.6)
    assert matching.layer_score(similarity) == pytest.approx(1.6 / 3)
    assert matching.coverage(similarity) == pytest.approx((0.8, 1.6 / 3))
    assert matching.network_score([similarity, np.eye(1)]).network == pytest.approx((1.6 + 1) / 4)
    assert matching.network_score([similarity], [5]).network == pytest.approx(1.6 / 8)
    assert matching.brute_force_best([[9, 8, 0], [8, 1, 0]], maximize=True) == 16
    assert matching.brute_force_best([[9, 8], [8, 1], [0, 0]]) == 1
    assert matching.adjusted(0.5, 0.2) == pytest.approx(0.375)
    assert matching.adjusted(1.0, 1.0) == 1.0


def test_order_preserving_pairings() -> None:
    assert matching.order_preserving_pairings(1, 3) == [[(0, 0)], [(0, 1)], [(0, 2)]]
    assert matching.order_preserving_pairings(3, 2) == [[(0, 0), (1, 1)], [(0, 0), (2, 1)], [(1, 0), (2, 1)]]
    assert matching.best_pairing_sum(np.array([[0.1, 0.9], [0.9, 0.2], [0.0, 0.3]])) == pytest.approx(1.2)


def test_canonical_form_of_a_small_mlp() -> None:
    first, second = _linear([[3.0, 4.0], [0.0, 0.0]], [10.0, 1.0]), _linear([[2.0, 7.0]], [1.0])
    result = canonical.canonicalize(nn.Sequential(first, nn.ReLU(), second), torch.zeros(1, 2))
    np.testing.assert_allclose(result.scales[0], [5, 1])  # a unit without weights keeps its scale
    got = [parameter.detach().tolist() for parameter in result.model.parameters()]
    np.testing.assert_allclose(got[0], [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(got[1], [2, 1])
    np.testing.assert_allclose(got[2], [[10, 7]])
    np.testing.assert_allclose(got[3], [1])


def test_canonical_form_measures_the_second_layer_after_compensation() -> None:
    model = nn.Sequential(_linear([[2.0]]), nn.ReLU(), _linear([[3.0]]), nn.ReLU(), _linear([[1.0]]))
    result = canonical.canonicalize(model, torch.zeros(1, 1))
    assert [scale.item() for scale in result.scales] == [2, 6]
    assert [parameter.item() for parameter in result.model.parameters()] == [1, 1, 6]


def test_canonical_form_stops_at_what_is_not_homogeneous() -> None:
    model = nn.Sequential(_linear([[2.0]]), nn.Tanh(), _linear([[3.0]]), nn.ReLU(), _linear([[1.0]]))
    result = canonical.canonicalize(model, torch.zeros(1, 1))
    assert [scale.item() for scale in result.scales] == [1, 3]
    assert result.is_scaled == [False, True]


def test_canonical_form_folds_batch_norm_and_hands_the_scale_to_a_later_one() -> None:
    norm = nn.BatchNorm1d(1, eps=1e-300).double().eval()
    later = nn.BatchNorm1d(1, eps=1e-300).double().eval()
    with torch.no_grad():
        norm.weight.fill_(-6)
        norm.bias.fill_(5)
        norm.running_mean.fill_(1)
        norm.running_var.fill_(4)
        later.running_mean.fill_(3)
    model = nn.Sequential(_linear([[2.0]]), norm, nn.ReLU(), later, _linear([[1.0]])).eval()
    result = canonical.canonicalize(model, torch.zeros(1, 1))
    assert result.scales[0].item() == 6  # |2 * -6 / sqrt(4)|
    affine, folded, _, receiving, last = result.model
    assert affine.weight.item() == -1
    assert -folded.running_mean.item() == pytest.approx((5 + 3) / 6)  # no bias, so the norm keeps the shift
    assert receiving.weight.item() == 6
    assert receiving.running_mean.item() == pytest.approx(0.5)
    assert last.weight.item() == 1


def test_canonical_form_gives_a_channel_its_block_of_columns() -> None:
    conv = nn.Conv1d(1, 2, 1, bias=False).double()
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[[2.0]], [[-3.0]]]))
    model = nn.Sequential(conv, nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), _linear([[1.0, 1.0, 1.0, 1.0]]))
    result = canonical.canonicalize(model, torch.zeros(1, 1, 4))
    assert result.model[-1].weight.tolist() == [[2, 2, 3, 3]]


def test_canonical_form_of_tokens_strides_through_flatten() -> None:
    model = nn.Sequential(_linear([[2.0], [3.0]]), nn.ReLU(), nn.Flatten(), _linear([[1.0, 1.0, 1.0, 1.0]]))
    result = canonical.canonicalize(model, torch.zeros(1, 2, 1))
    assert result.model[-1].weight.tolist() == [[2, 3, 2, 3]]


def test_canonical_form_of_a_grouped_convolution() -> None:
    first, second = nn.Conv1d(1, 4, 1, bias=False).double(), nn.Conv1d(4, 2, 1, groups=2, bias=False).double()
    with torch.no_grad():
        first.weight.copy_(torch.tensor([2.0, 3.0, 5.0, 7.0]).reshape(4, 1, 1))
        second.weight.fill_(1)
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Conv1d(2, 1, 1).double())
    result = canonical.canonicalize(model, torch.zeros(1, 1, 3))
    assert result.scales[1].tolist() == pytest.approx([math.hypot(2, 3), math.hypot(5, 7)])


def test_a_channel_cut_up_by_unflatten_is_refused() -> None:
    model = nn.Sequential(_linear([[1.0]] * 4), nn.ReLU(), nn.Unflatten(1, (2, 2)), nn.Conv1d(2, 1, 1).double())
    with pytest.raises(canonical.UnitLostError):
        canonical.canonicalize(model, torch.zeros(1, 1))


def test_preactivations_are_seen_after_the_norms_that_directly_follow() -> None:
    norm = nn.BatchNorm1d(1, eps=1e-300).double().eval()
    norm.running_mean.fill_(5)
    model = nn.Sequential(_linear([[2.0]]), nn.Identity(), norm, nn.ReLU(inplace=True), _linear([[1.0]])).eval()
    (z,) = hooks.preactivations(model, torch.tensor([[1.0], [4.0]], dtype=torch.float64))
    assert z.tolist() == [[[-3]], [[3]]]


def test_preactivations_of_a_convolution_are_row_major() -> None:
    conv = nn.Conv2d(1, 2, 1).double()
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
        conv.bias.zero_()
    inputs = torch.arange(6.0, dtype=torch.float64).reshape(1, 1, 2, 3)
    model = nn.Sequential(conv, nn.Conv2d(2, 1, 1).double())
    (z,) = hooks.preactivations(model, inputs)
    np.testing.assert_array_equal(z[0], [[i, -i] for i in range(6)])
    assert hooks.grids(model, inputs) == [(2, 3)]
    assert hooks.sampled(z, -1).tolist() == [[5, 0]]
    assert hooks.sampled(z, 2, np.array([[4, 0]])).tolist() == [[4, -4], [0, 0]]


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_transformed_networks_compute_the_same_function(network: networks.Network) -> None:
    model, inputs = network.make(seed=1)
    rng = np.random.default_rng(1)
    copies = [canonical.canonicalize(model, inputs).model, transform.rescaled(model, inputs, rng)]
    if transform.permutable(model):
        copies.append(transform.permuted(model, inputs, rng)[0])
    with torch.no_grad():
        expected = hooks.module_outputs(model, inputs)[-1]
        for copy in copies:
            torch.testing.assert_close(hooks.module_outputs(copy, inputs)[-1], expected, rtol=1e-11, atol=1e-12)


def test_every_layer_type_of_the_design_is_in_a_network() -> None:
    spatial = ["Conv", "BatchNorm", "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "ZeroPad", "Dropout"]
    plain = (
        "Linear LayerNorm RMSNorm GroupNorm Softmax LogSoftmax ReLU LeakyReLU PReLU Identity Dropout AlphaDropout "
        "FeatureAlphaDropout Flatten Unflatten Upsample ReLU6 Hardtanh ELU SELU CELU GELU SiLU Mish Softplus Tanh "
        "Sigmoid Hardswish Hardsigmoid"
    )
    expected = {f"{name}{d}d" for name in spatial for d in (1, 2, 3)} | set(plain.split())
    modules = [module for network in networks.NETWORKS for module in hooks.leaves(network.make(0)[0])]
    assert expected <= {type(module).__name__ for module in modules}
    upsamples = [module for module in modules if isinstance(module, nn.Upsample)]
    modes = {"nearest", "linear", "bilinear", "bicubic", "trilinear", "nearest-exact"}
    assert modes == {module.mode for module in upsamples}
    padding_modes = {module.padding_mode for module in modules if isinstance(module, hooks.AFFINE[1:])}
    assert padding_modes == {"zeros", "reflect", "replicate", "circular"}
