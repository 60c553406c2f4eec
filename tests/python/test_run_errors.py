"""Errors of a module's own code: with what it was given, and what can be done."""

from collections.abc import Callable
from typing import Any

import funcsim
import pytest
import torch
from test_modules import ROWS, made
from test_odd_modules import Chain, Positional
from torch import Tensor, nn


class Forces(Chain):
    """Needs gradients to run."""

    def forward(self, x: Tensor) -> Any:
        x = x.detach().requires_grad_()
        energy = super().forward(x)
        return torch.autograd.grad(energy.sum(), x)


def test_modules_that_need_gradients() -> None:
    model = made(Forces, 1)
    with pytest.raises(RuntimeError, match=r"does not require grad.* call=torch\.enable_grad\(\)\(lambda"):
        funcsim.compare(model, model, ROWS)
    assert funcsim.compare(model, model, ROWS, call=torch.enable_grad()(lambda m, x: m(x))).score == 1


@pytest.mark.parametrize(
    ("make", "inputs", "words"),
    [
        (
            Chain,
            ROWS[:, :4],
            r"multiplied .*\. The module was given float32 \[33, 4\], of these 2 inputs and then 3: it must",
        ),
        (Chain, ROWS.double(), r"given float64 .* are float32: convert the inputs.* inputs\.to\(torch\.float32\)$"),
        (Chain, ROWS.to(torch.uint8), r"given uint8 .* pixels by inputs\.to\(torch\.float32\) / 255$"),
        (Positional, {"x": ROWS[:, :5], "scale": torch.ones(())}, r"given x float32 \[33, 5\], scale float32 \[\], of"),
    ],
)
def test_errors_of_a_first_run_say_what_the_module_was_given(
    make: Callable[[], nn.Module], inputs: Any, words: str
) -> None:
    with pytest.raises(RuntimeError, match=words):
        funcsim.compare(make(), make(), inputs)


def test_errors_of_later_runs_say_what_the_module_was_given() -> None:
    rows = [{"x": ROWS}, {"x": ROWS[:, :5]}]
    with pytest.raises(RuntimeError, match=r"network a: .*The module was given x float32 \[33, 5\]$"):
        funcsim.compare(Chain(), Chain(), rows)


def test_integers_for_a_sequential() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(RuntimeError, match=r"must be float32 like the parameters, got int32: .*pixels by inputs\.to"):
        funcsim.compare(model, model, ROWS.int())
