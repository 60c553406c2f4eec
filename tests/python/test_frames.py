"""Comparisons as pandas DataFrames."""

import json
import sys

import funcsim
import pytest
from report_examples import comparison, made_up, networks


def test_a_row_for_each_pair_of_layers() -> None:
    got = comparison(interval=0.9, shuffles=9)
    frame = got.to_dataframe()
    assert len(frame) == 2
    for row, layer in zip(frame.to_dict("records"), got.layers, strict=True):
        for name in (
            "name_a",
            "units_b",
            "num_samples",
            "score",
            "chance",
            "adjusted",
            "coverage_a",
            "dead_a",
            "p_value",
        ):
            assert row[name] == getattr(layer, name)
        assert (row["interval_low"], row["interval_high"]) == layer.interval
    assert frame.score.dtype == frame.p_value.dtype == "float64"
    assert not {"matches", "similarities", "interval", "counts_a", "chance_similarities"} & set(frame.columns)


def test_what_was_not_asked_for_is_missing() -> None:
    frame = comparison().to_dataframe()
    assert list(frame.columns) == list(comparison(interval=0.9, cka=True, shuffles=9).to_dataframe().columns)
    for name in ("cka", "cka_debiased", "p_value", "interval_low", "interval_high"):
        assert frame[name].isna().all()
        assert frame[name].dtype == "float64"


def test_a_row_for_each_pair_of_units_and_each_unit_alone() -> None:
    layer = comparison().layers[0]
    frame = layer.to_dataframe()
    assert len(frame) == 30
    pairs = frame.dropna(subset=["unit_a", "unit_b"])
    assert list(zip(pairs.unit_a, pairs.unit_b, strict=True)) == list(map(tuple, layer.matches.tolist()))
    assert pairs.similarity.tolist() == layer.similarities.tolist()
    alone = frame.iloc[24:]
    assert alone.unit_a.isna().all()
    assert alone.similarity.isna().all()
    assert alone.density_a.isna().all()
    assert sorted(frame.unit_b) == list(range(30))
    assert (alone.kind_a == "").all()
    for row in frame.to_dict("records"):
        if row["unit_b"] is not None:
            assert row["density_b"] == layer.counts_b[row["unit_b"]].item() / layer.num_samples
    assert frame.kind_a[[3, 5]].tolist() == ["dead", "dead"]
    assert frame.kind_b[frame.unit_b == 3].tolist() == ["dead"]
    assert frame.unit_a.dtype == "Int64"


def test_units_of_a_alone_stand_where_they_belong() -> None:
    a, b, inputs = networks()
    frame = funcsim.compare(b, a, inputs).layers[0].to_dataframe()
    assert frame.unit_a.tolist() == list(range(30))
    assert frame.unit_b.isna().sum() == 6
    assert frame.density_b.isna().sum() == 6
    assert (frame.kind_b[frame.unit_b.isna()] == "").all()


def test_duplicates_and_always_on() -> None:
    frame = comparison().layers[1].to_dataframe()
    assert frame.kind_a[9] == "duplicate"
    assert frame.duplicate_of_a[9] == 8
    assert frame.duplicate_of_a.isna().sum() == 15
    assert frame.kind_b[frame.unit_b == 4].tolist() == ["always on"]


def test_all_layers_as_a_matrix_by_name() -> None:
    layers = comparison().layer_similarity
    assert layers is not None
    frame = layers.to_dataframe()
    assert (list(frame.index), list(frame.columns)) == (["0", "2"], ["0", "2"])
    assert frame.to_numpy().tolist() == layers.adjusted.tolist()
    read = json.loads(layers.to_json())
    assert read == layers.to_dict()
    assert read["adjusted"] == layers.adjusted.tolist()
    assert (read["names_a"], read["method"]) == (["0", "2"], "exact")


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # which import takes for a package that isn't there
    with pytest.raises(ImportError, match=r"Comparison.to_dataframe needs pandas: pip install pandas"):
        made_up().to_dataframe()
    with pytest.raises(ImportError, match=r"LayerComparison.to_dataframe needs pandas: pip install pandas"):
        made_up().layers[0].to_dataframe()
    layers = made_up().layer_similarity
    assert layers is not None
    with pytest.raises(ImportError, match=r"LayerSimilarity.to_dataframe needs pandas: pip install pandas"):
        layers.to_dataframe()
