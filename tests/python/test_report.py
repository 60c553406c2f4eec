"""Reports as files, what notebooks show, and plots. test_report_browser.py looks at reports in a browser."""

import base64
import html.parser
import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import funcsim
import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from report_examples import comparison, made_up, networks, stability

mpl.use("agg")


def written(tmp_path: pathlib.Path, made: funcsim.Comparison, **options: Any) -> str:
    path = tmp_path / "report.html"
    made.save_html(path, **options)
    return path.read_text(encoding="utf-8")


def data(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    read: dict[str, Any] = json.loads(text)
    return read


def column(page: str, name: str) -> np.ndarray:
    encoded = data(page)["columns"][name]
    dtype = {"Int32Array": "<i4", "Float32Array": "<f4", "Uint8Array": "u1"}[encoded["type"]]
    return np.frombuffer(base64.b64decode(encoded["data"]), dtype)


def test_file_has_the_units_of_all_layers(tmp_path: pathlib.Path) -> None:
    made = comparison()
    page = written(tmp_path, made)
    start = 0
    for place, layer in enumerate(made.layers):
        frame = layer.to_dataframe()
        end = start + len(frame)
        assert (column(page, "layer")[start:end] == place).all()
        for name in ("unit_a", "unit_b", "duplicate_of_a", "duplicate_of_b"):
            assert column(page, name)[start:end].tolist() == frame[name].fillna(-1).tolist()
        for name in ("similarity", "density_a", "density_b"):
            np.testing.assert_array_equal(column(page, name)[start:end], frame[name].to_numpy().astype(np.float32))
        for name in ("kind_a", "kind_b"):
            kinds = data(page)["kinds"]
            assert [kinds[kind] for kind in column(page, name)[start:end]] == frame[name].tolist()
        start = end
    assert len(column(page, "layer")) == start


def test_histograms_count_all_pairs(tmp_path: pathlib.Path) -> None:
    for similarity, lowest in (("jaccard", 0.0), ("phi", -1.0)):
        made = comparison(similarity=similarity)
        for drawn, layer in zip(data(written(tmp_path, made))["layers"], made.layers, strict=True):
            for name, values in (("matched", layer.similarities), ("by_chance", layer.chance_similarities)):
                assert values is not None
                expected, _ = np.histogram(values.numpy().astype(np.float64), bins=40, range=(lowest, 1.0))
                np.testing.assert_allclose(drawn[name], expected / len(values), atol=1e-6)
                assert sum(drawn[name]) == pytest.approx(1, abs=1e-4)
            assert layer.chance_similarities is not None
            assert drawn["mean_by_chance"] == pytest.approx(layer.chance_similarities.double().mean().item(), abs=1e-12)


def test_heat_map_shows_pairs_alone_where_no_more_was_collected(tmp_path: pathlib.Path) -> None:
    made = comparison(details=False)
    matrix = data(written(tmp_path, made))["matrix"]
    assert matrix["complete"] is False
    assert [matrix["adjusted"][place][place] for place in range(2)] == [
        pytest.approx(layer.adjusted, abs=1e-6) for layer in made.layers
    ]
    assert matrix["adjusted"][0][1] is None
    a, b, inputs = networks()
    shallow = torch.nn.Sequential(*b[:2], torch.nn.Linear(30, 3))
    unequal = funcsim.compare(a, shallow, inputs, details=False)
    matrix = data(written(tmp_path, unequal))["matrix"]
    assert (matrix["names_a"], matrix["names_b"]) == (["0", "2"], ["0"])
    assert matrix["adjusted"][1] == [None]


def test_flicker_is_a_column_only_where_it_was_measured(tmp_path: pathlib.Path) -> None:
    measured = stability()
    page = written(tmp_path, comparison(), stability=measured)
    flicker = column(page, "flicker")
    np.testing.assert_array_equal(flicker[:24], measured.layers[0].flicker.numpy().astype(np.float32))
    assert np.isnan(flicker[24:30]).all()
    assert "within 0.05 of the unit" in page
    without = written(tmp_path, comparison())
    assert "flicker" not in data(without)["columns"]
    assert "<dt>flicker" not in without


def test_page_says_how_it_was_computed(tmp_path: pathlib.Path) -> None:
    page = written(tmp_path, comparison(method="minhash", num_hashes=128, seed=5, margin=0.125))
    (section,) = re.findall(r'<section id="computed".*?</section>', page, re.DOTALL)
    for expected in (
        "128 hashes",
        "<dd>5</dd>",
        "0.125",
        f"funcsim {funcsim.__version__}",
        torch.__version__,
        " s for",
    ):
        assert expected in section
    assert "600 a layer, of 600 inputs" in section
    assert "a: canonical form, b: canonical form" in section


def test_page_says_what_there_is_to_know_of_networks_that_are_run(tmp_path: pathlib.Path) -> None:
    page = written(tmp_path, made_up(read_b="hooks", notes_b=("layer <x> can't be seen",)))
    (section,) = re.findall(r'<section id="verdict".*?</section>', page, re.DOTALL)
    assert "<li>Read by hooks: network b. Units keep their scales" in section
    assert "<li>Network b: layer &lt;x&gt; can&#x27;t be seen.</li>" in section
    assert "a: canonical form, b: hooks" in page


class Checker(html.parser.HTMLParser):
    """Checks that elements are closed in order and that ids are there once."""

    VOID = ("meta", "input", "br", "line", "rect", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.stack.pop() == tag


def test_page_is_well_formed_and_asks_for_nothing_else(tmp_path: pathlib.Path) -> None:
    page = written(tmp_path, comparison(interval=0.9, shuffles=9, cka=True), stability=stability())
    checker = Checker()
    checker.feed(page)
    assert checker.stack == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert checker.targets
    for target in checker.targets:
        assert target.startswith("#")
        assert target[1:] in checker.ids
    assert not re.search(r"\{\{\w+\}\}", page[: page.index('id="data"')])


def test_title_is_text(tmp_path: pathlib.Path) -> None:
    page = written(tmp_path, made_up(), title='<i>"A" & B</i> {{css}}')
    assert "<title>&lt;i&gt;&quot;A&quot; &amp; B&lt;/i&gt; {{css}}</title>" in page
    assert "<title>Two networks compared</title>" in written(tmp_path, made_up())


def test_bad_arguments_are_errors_and_write_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(TypeError, match="title must be a string or None, got 3"):
        comparison().save_html(path, title=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"stability must be what funcsim\.stability returns"):
        comparison().save_html(path, stability={})  # type: ignore[arg-type]
    _, b, inputs = networks()
    with pytest.raises(ValueError, match=r"layer 0 of 24 units, got .* 0 \(30 units\), 2 \(16 units\)"):
        comparison().save_html(path, stability=funcsim.stability(b, inputs, sigmas=(0.1,)))
    with pytest.raises(FileNotFoundError):
        comparison().save_html(tmp_path / "nowhere" / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_file_is_replaced_as_a_whole(tmp_path: pathlib.Path) -> None:
    written(tmp_path, made_up(2))
    assert len(data(written(tmp_path, made_up(1)))["layers"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_without_plotly_it_says_what_to_install(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)  # which import takes for a package that isn't there
    with pytest.raises(ImportError, match=r"reports need plotly: pip install plotly"):
        made_up().save_html(tmp_path / "report.html")


def test_import_takes_none_of_the_optional_packages() -> None:
    script = "import sys, funcsim; print({'matplotlib', 'plotly', 'pandas', 'funcsim.report.page'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_notebooks_show_verdict_and_layers() -> None:
    made = comparison()
    shown = made._repr_html_()
    checker = Checker()
    checker.feed(shown)
    assert checker.stack == []
    text = re.sub(r"<[^>]*>", " ", shown)
    verdict = made.verdict()
    for expected in (verdict.level, f"{made.adjusted:.4f}", f"{made.layers[1].chance:.4f}", "24 / 30"):
        assert expected in text
    assert "<script" not in shown
    unmatched = made_up(unmatched_a=(funcsim.UnmatchedLayer("<7>", 4),))._repr_html_()
    assert "Layer &lt;7&gt; of a (4 units) has no partner." in unmatched


def test_plot_shows_scores_chance_and_uncertainty() -> None:
    made = comparison(interval=0.9)
    axes = made.plot()
    try:
        points, _, (bars,) = axes.containers[0].lines
        assert points.get_ydata().tolist() == [layer.score for layer in made.layers]
        ends = [(segment[0][1], segment[1][1]) for segment in bars.get_segments()]
        assert ends == [pytest.approx(layer.interval) for layer in made.layers]
        chances = axes.collections[-1].get_offsets()[:, 1]
        assert chances.tolist() == [layer.chance for layer in made.layers]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2"]
        low, high = axes.get_ylim()
        assert low < 0
        assert high > 1
    finally:
        pyplot.close(axes.figure)


def test_plots_draw_on_given_axes() -> None:
    figure, (one, other) = pyplot.subplots(2)
    try:
        made = comparison(method="minhash")
        assert made.plot(one) is one
        matrix = made.layer_similarity
        assert matrix is not None
        assert matrix.plot(other) is other
        np.testing.assert_array_equal(other.images[0].get_array(), matrix.adjusted.numpy())
        assert [label.get_text() for label in other.get_yticklabels()] == ["0", "2"]
        _, _, (bars,) = one.containers[0].lines
        low, high = bars.get_segments()[0][:, 1]
        assert high - low == pytest.approx(4 * made.layers[0].standard_error)
    finally:
        pyplot.close(figure)


def test_plots_without_matplotlib_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_up()
    assert made.layer_similarity is not None
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for what, plot in (("Comparison.plot", made.plot), ("LayerSimilarity.plot", made.layer_similarity.plot)):
        with pytest.raises(ImportError, match=f"{what} needs matplotlib: pip install matplotlib"):
            plot()
