"""Bad architecture strings at the operators: garbage, truncations, overflows, each with an error that says what."""

import funcsim
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from oracle.profile import examples
from refusals import assert_says, message_of
from torch import nn

ops = torch.ops.funcsim


BAD_TEXT: dict[str, list[str]] = {
    "": ["funcsim/"],
    "hello": ["funcsim/"],
    "funcsim/2: Linear(2, 3)": ["version", "2", "1"],
    "funcsim/: Linear(2, 3)": ["version"],
    "funcsim/1 Linear(2, 3)": [":"],
    "funcsim/1: Linear(2, 3": [")"],
    "funcsim/1: Linear(2,": ["Linear"],
    "funcsim/1: Linear": ["Linear", "("],
    "funcsim/1: Linear(2, 3);": ["item|type|module|name|end"],
    "funcsim/1: Linear(2, 3) ReLU()": [";"],
    "funcsim/1: Linear(2, 3); ; ReLU()": [";"],
    "funcsim/1: Lnear(2, 3)": ["Lnear", "Linear"],
    "funcsim/1: LSTM(2, 3)": ["LSTM", "supported"],
    "funcsim/1: Linear()": ["Linear", "in_features"],
    "funcsim/1: Linear(2)": ["Linear", "out_features"],
    "funcsim/1: Linear(2, 3, 4, 5)": ["Linear"],
    "funcsim/1: Linear(2, 3, bais=true)": ["Linear", "bais", "bias"],
    "funcsim/1: Linear(2, 3, bias=1)": ["Linear", "bias", "true", "1"],
    "funcsim/1: Linear(2, 3, bias=maybe)": ["Linear", "bias", "maybe"],
    "funcsim/1: Linear(2, 3, bias=true, bias=true)": ["Linear", "bias"],
    "funcsim/1: Linear(bias=true, 2, 3)": ["Linear"],
    "funcsim/1: Linear(2, 3, in_features=2)": ["Linear", "in_features"],
    "funcsim/1: Linear(2.5, 3)": ["Linear", "in_features", "2.5"],
    "funcsim/1: Linear(-2, 3)": ["Linear", "in_features", "-2"],
    "funcsim/1: Linear(0, 3)": ["Linear", "in_features", "0"],
    "funcsim/1: Linear(99999999999999999999, 3)": ["Linear", "in_features", "99999999999999999999"],
    "funcsim/1: Linear([2], 3)": ["Linear", "in_features"],
    "funcsim/1: Conv2d(1, 8, 3)": ["Conv2d", "kernel_size"],
    "funcsim/1: Conv2d(1, 8, [3])": ["Conv2d", "kernel_size", "2", "1"],
    "funcsim/1: Conv2d(1, 8, [3, 3], stride=[0, 1])": ["Conv2d", "stride", "0"],
    "funcsim/1: Conv2d(1, 8, [3, 3], padding=[-1, 0])": ["Conv2d", "padding", "-1"],
    "funcsim/1: Conv2d(1, 8, [3, 3], padding=valid)": ["Conv2d", "padding", "valid"],
    "funcsim/1: Conv2d(1, 8, [3, 3], padding=same, stride=[2, 2])": ["Conv2d", "same", "stride"],
    "funcsim/1: Conv2d(1, 8, [3, 3], padding_mode=mirror)": ["Conv2d", "padding_mode", "mirror", "reflect"],
    "funcsim/1: Conv2d(3, 8, [3, 3], groups=2)": ["Conv2d", "groups", "3", "2"],
    "funcsim/1: GroupNorm(3, 8)": ["GroupNorm", "3", "8"],
    "funcsim/1: MaxPool2d([2, 2], padding=[2, 2])": ["MaxPool2d", "padding", "2"],
    "funcsim/1: AvgPool2d([2, 2], divisor_override=0)": ["AvgPool2d", "divisor_override", "0"],
    "funcsim/1: Upsample()": ["Upsample", "size", "scale_factor"],
    "funcsim/1: Upsample(size=[4], scale_factor=[2.0])": ["Upsample", "size", "scale_factor"],
    "funcsim/1: Upsample(scale_factor=[0.0])": ["Upsample", "scale_factor", "0"],
    "funcsim/1: Upsample(scale_factor=[2.0], mode=cubic)": ["Upsample", "mode", "cubic", "bicubic"],
    "funcsim/1: Upsample(scale_factor=[2.0], align_corners=true)": ["Upsample", "align_corners", "nearest"],
    "funcsim/1: GELU(approximate=erf)": ["GELU", "approximate", "erf", "tanh"],
    "funcsim/1: Softmax()": ["Softmax", "dim"],
    "funcsim/1: Hardtanh(min_val=2.0, max_val=1.0)": ["Hardtanh", "min_val", "max_val"],
    "funcsim/1: BatchNorm1d(4, eps=-1.0)": ["BatchNorm1d", "eps", "-1"],
    "funcsim/1: LeakyReLU(negative_slope=1e999)": ["LeakyReLU", "negative_slope", "1e999"],
    "funcsim/1: h = Linear(2, 3)": ["name", "h"],
    "funcsim/1: Linear(2, 3); ReLU(1)": ["ReLU"],
    "funcsim/1: Linear(2, 3); R\u00e9LU()": ["item|character|expected"],
    "funcsim/1: Linear(2, 3)\x00; ReLU()": ["character|expected|;"],
}


@pytest.mark.parametrize("text", BAD_TEXT)
def test_architecture(text: str) -> None:
    assert_says(lambda: ops.canonicalize(text, []), *BAD_TEXT[text])
    assert_says(lambda: ops.network_signatures(text, [], torch.zeros(5, 2)), *BAD_TEXT[text])


def test_the_error_points_at_the_item() -> None:
    text = "funcsim/1: Linear(2, 3); ReLU(); Linear(3, 4, 5, 6); ReLU()"
    assert_says(lambda: ops.canonicalize(text, []), "2", "Linear(3, 4, 5, 6)")


def test_limits_of_size() -> None:
    assert_says(lambda: ops.canonicalize("funcsim/1: " + " " * 2**21, []), "MiB|1048576|long")
    many = "funcsim/1: " + "; ".join(["ReLU()"] * 100_001)
    assert_says(lambda: ops.canonicalize(many, []), "100000|100,000")
    deep = "funcsim/1: Linear(" + "[" * 100_000
    assert_says(lambda: ops.canonicalize(deep, []), "Linear")
    assert_says(lambda: ops.canonicalize("funcsim/1: " + "A" * 500_000 + "()", []), "supported")


def test_sizes_whose_product_overflows() -> None:
    text = f"funcsim/1: Linear({2**40}, {2**40}); Linear({2**40}, {2**40})"
    assert message_of(lambda: ops.canonicalize(text, [torch.zeros(1)] * 4))
    text = f"funcsim/1: Unflatten(1, [{2**40}, {2**40}]); Linear(2, 3); Linear(3, 1)"
    assert message_of(lambda: ops.network_signatures(text, [torch.zeros(1)] * 4, torch.zeros(5, 2)))
    text = f"funcsim/1: Upsample(size=[{2**40}]); Conv1d(1, 1, [1], bias=false); Conv1d(1, 1, [1], bias=false)"
    weights = [torch.ones(1, 1, 1)] * 2
    assert message_of(lambda: ops.network_signatures(text, weights, torch.ones(1, 1, 2)))


def _full() -> tuple[str, list[torch.Tensor], torch.Tensor]:
    model = nn.Sequential(
        nn.Conv2d(1, 4, (3, 2), padding="same", groups=1),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2, stride=1),
        nn.Upsample(scale_factor=2.0, mode="bilinear"),
        nn.Flatten(),
        nn.Linear(144, 3),
    ).eval()
    return funcsim.describe(model), list(funcsim.parameters(model)), torch.zeros(2, 1, 4, 4)


@pytest.mark.filterwarnings("ignore")
def test_every_truncation_is_an_error() -> None:
    text, parameters, inputs = _full()
    assert len(ops.network_signatures(text, parameters, inputs)) == 1
    for end in range(len(text)):
        assert message_of(lambda end=end: ops.network_signatures(text[:end], parameters, inputs))


@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
@examples(400)
def test_mutated_text_is_an_error_or_a_network(data: st.DataObject) -> None:
    """A changed character gives an error or another valid network, never anything else."""
    text, parameters, inputs = _full()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        removed = data.draw(st.integers(0, 3))
        added = data.draw(st.text("0123456789-.,;:=[]() eE/azAZ_\x00\u00e9", max_size=3))
        text = text[:place] + added + text[place + removed :]
    try:
        result = ops.network_signatures(text, parameters, inputs)
    except RuntimeError as error:
        assert str(error)  # noqa: PT017  # it may also pass
    else:
        assert [signature.dtype for signature in result] == [torch.uint8]


@given(text=st.text(max_size=60))
@example("\ud800".encode("utf-8", "replace").decode())
@examples(200)
def test_garbage_is_an_error(text: str) -> None:
    assert message_of(lambda: ops.canonicalize(text, []))
    assert message_of(lambda: ops.canonicalize("funcsim/1:" + text + "(", []))
