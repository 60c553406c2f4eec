"""What a Comparison prints, and what its dicts and JSON hold."""

import dataclasses
import json
from typing import Any

import funcsim
import pytest
import torch
from funcsim.settings import Settings
from torch import nn

# The examples of tests/front/print_test.cpp: both fronts print the same.
TABLE = (
    "a  b          units     score   chance  adjusted  coverage         dead   always on  duplicates\n"
    "0  encoder.0  64 / 128  0.2500  0.1250  0.1429    0.5000 / 0.2500  3 / 0  0 / 2      12 / 0"
)


def _layer(**changes: Any) -> funcsim.LayerComparison:
    values: dict[str, Any] = {
        "name_a": "0",
        "name_b": "encoder.0",
        "units_a": 64,
        "units_b": 128,
        "num_samples": 1000,
        "score": 0.25,
        "chance": 0.125,
        "adjusted": 1 / 7,
        "standard_error": 0.0,
        "coverage_a": 0.5,
        "coverage_b": 0.25,
        "matches": torch.tensor([[0, 3], [1, 2]]),
        "similarities": torch.tensor([0.5, 0.25]),
        "dead_a": 3,
        "dead_b": 0,
        "always_on_a": 0,
        "always_on_b": 2,
        "duplicates_a": 12,
        "duplicates_b": 0,
        "counts_a": torch.tensor([7, 8]),
        "counts_b": torch.tensor([9]),
        "duplicate_of_a": torch.tensor([-1, 0]),
        "duplicate_of_b": torch.tensor([-1]),
    }
    return funcsim.LayerComparison(**{**values, **changes})


def _comparison(**changes: Any) -> funcsim.Comparison:
    values: dict[str, Any] = {
        "score": 0.25,
        "chance": 0.125,
        "adjusted": 1 / 7,
        "standard_error": 0.0,
        "method": "exact",
        "similarity": "jaccard",
        "num_inputs": 1000,
        "settings": Settings(num_hashes=512, seed=3),
        "versions": {"funcsim": "0.1.0", "torch": "2.15.0"},
        "layers": (_layer(),),
        "unmatched_a": (),
        "unmatched_b": (),
    }
    return funcsim.Comparison(**{**values, **changes})


def test_prints_a_layer_as_a_table() -> None:
    assert str(_layer()) == TABLE
    assert repr(_layer()) == TABLE


def test_prints_a_comparison_with_its_layers() -> None:
    expected = f"score 0.2500, chance 0.1250, adjusted 0.1429 (exact, jaccard)\n{TABLE}"
    assert str(_comparison()) == expected
    assert repr(_comparison()) == expected
    assert f"{_comparison()}" == expected


def test_prints_the_standard_error_of_estimates() -> None:
    text = str(_comparison(method="minhash", standard_error=0.00123))
    assert text == (f"score 0.2500, chance 0.1250, adjusted 0.1429 (minhash, jaccard, standard error 0.0012)\n{TABLE}")


def test_prints_layers_without_a_partner() -> None:
    text = str(
        _comparison(
            unmatched_a=(funcsim.UnmatchedLayer("2", 8),), unmatched_b=(funcsim.UnmatchedLayer("encoder.2", 32),)
        )
    )
    assert text.endswith(
        f"{TABLE}\nlayer 2 of a (8 units) has no partner\nlayer encoder.2 of b (32 units) has no partner"
    )


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = str(_comparison(layers=(_layer(), _layer(name_a="encoder.block.10", dead_a=1234)))).splitlines()[1:]
    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)
    assert len({line.index(cell) for line, cell in zip(lines, ("units", "64", "64"), strict=True)}) == 1
    assert len({line.index(cell) for line, cell in zip(lines, ("dead", "3 / 0", "1234"), strict=True)}) == 1


def test_is_frozen() -> None:
    for record, field in ((_comparison(), "score"), (_layer(), "score"), (funcsim.UnmatchedLayer("0", 1), "units")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field, 1.0)


def test_dict_holds_everything_as_plain_values() -> None:
    assert _comparison(unmatched_b=(funcsim.UnmatchedLayer("2", 8),)).to_dict() == {
        "score": 0.25,
        "chance": 0.125,
        "adjusted": 1 / 7,
        "standard_error": 0.0,
        "method": "exact",
        "similarity": "jaccard",
        "num_inputs": 1000,
        "settings": {"num_hashes": 512, "seed": 3, "margin": 0.0, "positions": 16},
        "versions": {"funcsim": "0.1.0", "torch": "2.15.0"},
        "layers": [
            {
                "name_a": "0",
                "name_b": "encoder.0",
                "units_a": 64,
                "units_b": 128,
                "num_samples": 1000,
                "score": 0.25,
                "chance": 0.125,
                "adjusted": 1 / 7,
                "standard_error": 0.0,
                "coverage_a": 0.5,
                "coverage_b": 0.25,
                "matches": [[0, 3], [1, 2]],
                "similarities": [0.5, 0.25],
                "dead_a": 3,
                "dead_b": 0,
                "always_on_a": 0,
                "always_on_b": 2,
                "duplicates_a": 12,
                "duplicates_b": 0,
                "counts_a": [7, 8],
                "counts_b": [9],
                "duplicate_of_a": [-1, 0],
                "duplicate_of_b": [-1],
                "cka": None,
                "cka_debiased": None,
                "interval": None,
                "p_value": None,
                "chance_similarities": None,
            }
        ],
        "unmatched_a": [],
        "unmatched_b": [{"name": "2", "units": 8}],
        "interval": None,
        "p_value": None,
        "read_a": "canonical form",
        "read_b": "canonical form",
        "notes_a": [],
        "notes_b": [],
        "layer_similarity": None,
    }
    assert _comparison().layers[0].to_dict() == _comparison().to_dict()["layers"][0]


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_json_of_a_real_comparison_reads_back_equal(method: str) -> None:
    torch.manual_seed(0)
    a = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 2))
    b = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    comparison = funcsim.compare(a, b, torch.randn(200, 4), method=method)

    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    assert json.loads(comparison.to_json(), parse_constant=refuse) == comparison.to_dict()
    assert json.loads(comparison.to_json(indent=1)) == comparison.to_dict()
    assert "\n" not in comparison.to_json()
    assert len(comparison.to_json(indent=1).splitlines()) > 10
    assert len(comparison.unmatched_a) == 1
    assert torch.equal(
        torch.tensor(comparison.to_dict()["layers"][0]["similarities"]), comparison.layers[0].similarities
    )
