"""Python's and C++'s descriptions of equal networks are equal: tests/front/print_descriptions.cpp prints C++'s."""

import built
import funcsim
import pytest
from torch import nn

NETWORKS: dict[str, nn.Sequential] = {
    "mlp": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2, bias=False)),
    "conv1d": nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False),
        nn.Conv1d(4, 4, 1, padding=2, padding_mode="circular"),
    ),
    "conv2d": nn.Sequential(
        nn.Conv2d(1, 8, (3, 5), padding="same", padding_mode="reflect"),
        nn.Conv2d(8, 4, 2, padding="valid", stride=(1, 2)),
        nn.Conv2d(4, 4, 3, padding=(1, 0), padding_mode="replicate"),
    ),
    "conv3d": nn.Sequential(nn.Conv3d(1, 2, (1, 2, 3), dilation=(1, 1, 2))),
    "nested": nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 8)), nn.Linear(8, 2)),
    "batch_norm": nn.Sequential(
        nn.BatchNorm1d(4), nn.BatchNorm2d(3, eps=1e-3), nn.BatchNorm3d(2, affine=False, momentum=0.3)
    ),
    "layer_norm": nn.Sequential(nn.LayerNorm(4), nn.LayerNorm([2, 4], eps=1e-6, elementwise_affine=False)),
    "group_norm": nn.Sequential(nn.GroupNorm(2, 4), nn.GroupNorm(1, 3, affine=False)),
    "max_pool": nn.Sequential(
        nn.MaxPool1d(2), nn.MaxPool2d((2, 3), stride=1, padding=(1, 0)), nn.MaxPool3d(2, dilation=2, ceil_mode=True)
    ),
    "avg_pool": nn.Sequential(
        nn.AvgPool1d(3, stride=2, padding=1),
        nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
        nn.AvgPool3d((1, 2, 2), divisor_override=3),
    ),
    "adaptive": nn.Sequential(
        nn.AdaptiveAvgPool1d(3),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool3d(2),
        nn.AdaptiveMaxPool1d(3),
        nn.AdaptiveMaxPool2d((None, 2)),
        nn.AdaptiveMaxPool3d((1, 2, 3)),
    ),
    "reshape": nn.Sequential(
        nn.Flatten(),
        nn.Flatten(2, 3),
        nn.Unflatten(1, (2, 3)),
        nn.ZeroPad1d(1),
        nn.ZeroPad2d((1, 2, 0, 0)),
        nn.ZeroPad3d((1, 2, 3, 4, 5, 6)),
    ),
    "upsample": nn.Sequential(
        nn.Upsample(size=(4, 5)),
        nn.Upsample(scale_factor=(2, 1.5), mode="bilinear", align_corners=True),
        nn.Upsample(scale_factor=3, mode="nearest"),
    ),
    "plain": nn.Sequential(
        nn.ReLU(inplace=True),
        nn.Identity(),
        nn.Dropout(0.3),
        nn.Dropout2d(),
        nn.Dropout3d(),
        nn.AlphaDropout(),
        nn.FeatureAlphaDropout(),
        nn.ReLU6(),
        nn.SELU(),
        nn.SiLU(),
        nn.Mish(),
        nn.Tanh(),
        nn.Sigmoid(),
    ),
    "slopes": nn.Sequential(nn.LeakyReLU(), nn.LeakyReLU(1e-5), nn.PReLU(), nn.PReLU(7)),
    "options": nn.Sequential(
        nn.Hardtanh(),
        nn.Hardtanh(-2, 2.5e16),
        nn.ELU(),
        nn.ELU(0.1),
        nn.CELU(1 / 3),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.Softplus(),
        nn.Softplus(2, 1e22),
        nn.Softmax(1),
        nn.LogSoftmax(-1),
    ),
}


@pytest.mark.built_with_torch
def test_equal_networks_have_equal_descriptions() -> None:
    lines = built.output_of("tests/front/print_descriptions").splitlines()
    printed = dict(line.split(": ", 1) for line in lines)
    assert printed == {name: funcsim.describe(network) for name, network in NETWORKS.items()}
