"""What comparisons say in plain language."""

import dataclasses
import pathlib
from typing import Any

import command_line
import funcsim
import numpy as np
import pytest
import torch
from funcsim.settings import Settings
from funcsim.verdict import LEVELS, level_of
from report_examples import comparison, itself, made_up
from torch import nn


def notes(**changes: Any) -> str:
    return " ".join(made_up(**changes).verdict().notes)


@pytest.mark.parametrize(
    ("adjusted", "name"),
    [
        (1.0, "The same"),
        (0.999, "The same"),
        (0.9989, "Nearly the same"),
        (0.95, "Nearly the same"),
        (0.9499, "Close"),
        (0.75, "Close"),
        (0.6, "Changed"),
        (0.5, "Changed"),
        (0.3, "Distant"),
        (0.25, "Distant"),
        (0.2, "Other units"),
        (0.1, "Other units"),
        (0.0999, "Chance"),
        (0.0, "Chance"),
        (-3.0, "Chance"),
    ],
)
def test_levels(adjusted: float, name: str) -> None:
    assert level_of(adjusted).name == name
    verdict = made_up(adjusted=adjusted).verdict()
    assert verdict.level == name
    assert verdict.adjusted == adjusted
    assert verdict.headline == level_of(adjusted).meaning


def test_levels_fall() -> None:
    bounds = [level.least for level in LEVELS]
    assert bounds == sorted(bounds, reverse=True)
    assert len({level.name for level in LEVELS}) == len(LEVELS)


def test_a_network_is_itself() -> None:
    verdict = itself().verdict()
    assert verdict.level == "The same"
    assert not verdict.is_void
    assert (verdict.low, verdict.high) == (1.0, 1.0)


def test_permuted_and_rescaled_copy_is_the_same() -> None:
    torch.manual_seed(0)
    a = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    b = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    order, scales = torch.randperm(32), 10 * torch.rand(32, 1) + 0.1
    with torch.no_grad():
        b[0].weight.copy_((a[0].weight * scales)[order])
        b[0].bias.copy_((a[0].bias * scales[:, 0])[order])
    assert funcsim.compare(a, b, torch.randn(1000, 8)).verdict().level == "The same"


def test_no_bar_of_the_command_line_is_cleared_where_nothing_was_compared(tmp_path: pathlib.Path) -> None:
    torch.jit.script(silent(8, -1.0)).save(tmp_path / "dead.pt")
    np.save(tmp_path / "inputs.npy", torch.randn(600, 4).numpy())
    compared = ["compare", "dead.pt", "dead.pt", "--inputs", "inputs.npy"]
    for bar in ([], ["--fail-on", "adjusted"]):
        done = command_line.funcsim(tmp_path, *compared, "--fail-below", "0.99", *bar)
        assert done.code == 1
        assert done.out.startswith("Nothing compared (adjusted 1.000).")
        assert "nothing was compared" in done.err
    assert command_line.funcsim(tmp_path, *compared).code == 0


def test_exact_counts_say_that_other_inputs_were_not_looked_at() -> None:
    verdict = made_up().verdict()
    assert (verdict.low, verdict.high) == (verdict.adjusted, verdict.adjusted)
    assert "Counted exactly on 1,000 inputs." in verdict.uncertainty
    assert "Counted exactly on 1 input." in made_up(num_inputs=1).verdict().uncertainty
    assert "interval=0.95" in verdict.uncertainty


def test_interval_becomes_a_range_of_the_adjusted_score() -> None:
    verdict = made_up(score=0.65, adjusted=0.5, chance=0.3, interval=(0.58, 0.72)).verdict()
    assert verdict.low == pytest.approx(0.4)
    assert verdict.high == pytest.approx(0.6)
    assert "0.400 to 0.600" in verdict.uncertainty
    assert 'from "distant" to "changed"' in verdict.uncertainty


def test_range_within_a_level_names_none() -> None:
    verdict = made_up(score=0.72, adjusted=0.6, chance=0.3, interval=(0.71, 0.73)).verdict()
    assert "reaches" not in verdict.uncertainty


def test_estimates_are_two_standard_errors_sure() -> None:
    options = {"method": "minhash", "standard_error": 0.007, "settings": Settings(num_hashes=512)}
    verdict = made_up(score=0.65, adjusted=0.5, chance=0.3, **options).verdict()
    assert verdict.low == pytest.approx(0.48)
    assert verdict.high == pytest.approx(0.52)
    assert "512 hashes" in verdict.uncertainty
    assert made_up(score=1.0, adjusted=1.0, **options).verdict().high == 1.0


@pytest.mark.parametrize(("p_value", "said"), [(0.051, "It may be chance"), (0.05, "It isn't chance"), (None, "")])
def test_p_value(p_value: float | None, said: str) -> None:
    uncertainty = made_up(p_value=p_value).verdict().uncertainty
    assert said in uncertainty
    assert ("chance (p" in uncertainty or "may be chance" in uncertainty) is (p_value is not None)


def test_chance_of_1_has_no_range() -> None:
    verdict = made_up(score=1.0, chance=1.0, adjusted=1.0, interval=(1.0, 1.0)).verdict()
    assert (verdict.low, verdict.high) == (1.0, 1.0)


def silent(width: int, bias: float) -> nn.Sequential:
    """A network whose hidden units never fire, or always do."""
    model = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))
    nn.init.zeros_(model[0].weight)
    nn.init.constant_(model[0].bias, bias)
    return model


@pytest.mark.parametrize("bias", [-1.0, 1.0])
@pytest.mark.parametrize("width", [8, 6])
@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_units_that_never_change_are_nothing_to_compare(bias: float, width: int, method: Any) -> None:
    inputs = torch.randn(600, 4)
    result = funcsim.compare(silent(8, bias), silent(width, bias), inputs, method=method)
    assert result.score == pytest.approx(result.chance)
    verdict = result.verdict()
    assert verdict.level == "Nothing compared"
    assert verdict.is_void
    assert "says nothing" in verdict.headline
    assert "second seed" not in str(verdict)
    assert "Nothing compared" in result._repr_html_()


def test_one_network_without_a_unit_to_tell_is_enough() -> None:
    torch.manual_seed(0)
    alive = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    inputs = torch.randn(600, 4)
    assert funcsim.compare(alive, silent(8, -1.0), inputs).verdict().level == "Nothing compared"
    half = silent(8, -1.0)
    with torch.no_grad():
        half[0].weight[0] = alive[0].weight[0]
    assert funcsim.compare(alive, half, inputs).verdict().level != "Nothing compared"
    assert funcsim.compare(alive, alive, inputs[:1]).verdict().level == "Nothing compared"


def test_notes_are_for_what_is_there() -> None:
    quiet = made_up(adjusted=0.8).verdict().notes
    assert len(quiet) == 1
    assert "not outputs" in quiet[0]


def test_few_inputs_are_noted() -> None:
    assert "Few inputs (499)" in notes(num_inputs=499)
    assert "Few" not in notes(num_inputs=500)


def test_scores_that_networks_trained_apart_reach_ask_for_controls() -> None:
    said = notes(adjusted=0.749)
    assert "second seed" in said
    assert "untrained" in said
    assert "second seed" not in notes(adjusted=0.75)
    for adjusted in (0.3, 0.6):
        assert "trained apart" in made_up(adjusted=adjusted).verdict().headline


def test_units_that_cannot_be_told_apart_are_noted() -> None:
    (layer,) = made_up().layers
    many = dataclasses.replace(layer, dead_a=1)
    assert "1 of a's 4 units" in notes(layers=(many,))
    assert "of b's 4 units" not in notes(layers=(many,))
    assert "can't be told apart" not in notes()


def test_layers_that_differ_are_noted() -> None:
    (layer,) = made_up().layers
    low = dataclasses.replace(layer, name_a="4", name_b="6", adjusted=0.1)
    high = dataclasses.replace(layer, name_a="0", name_b="0", adjusted=0.35)
    assert "from 0.100 (layer 4 with 6) to 0.350 (layer 0)" in notes(layers=(high, low))
    named = dataclasses.replace(low, name_a="layers.4", name_b="layers.4")
    assert "from 0.100 (layers.4) to" in notes(layers=(high, named))
    assert "Layers differ" not in notes(layers=(high, dataclasses.replace(low, adjusted=0.16)))


def test_sizes_that_differ_are_noted_with_what_lives_on_above_chance() -> None:
    (layer,) = made_up().layers
    wider = dataclasses.replace(layer, units_a=50, units_b=100, score=0.45, chance=0.2)
    # 0.45 * 100 / 50 = 0.9 of a, of which chance finds 0.4; 0.45 and 0.2 of b
    assert "Above chance, 83% of a lives on in b and 31% of b in a." in notes(layers=(wider,))
    text = notes(unmatched_b=(funcsim.UnmatchedLayer("7", 4),), adjusted=0.9)
    assert "No partner for layer 7 of b" in text
    assert "differ in size" in text


def test_prints_everything() -> None:
    verdict = comparison(method="minhash").verdict()
    lines = str(verdict).splitlines()
    assert lines[0] == f"{verdict.level} (adjusted {verdict.adjusted:.3f}). {verdict.headline}"
    assert lines[1] == verdict.uncertainty
    assert tuple(lines[2:]) == verdict.notes
