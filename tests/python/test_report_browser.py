"""Reports in a real browser: they draw, search, sort and change their colours, for everybody."""

import pathlib
from collections.abc import Iterator
from typing import Any

import chromium
import funcsim
import pytest
import report_examples
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

TOTAL = 46  # pairs of units and units of b without a partner: 24 + 6 and 16


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as started:
        yield started


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    comparison = report_examples.comparison(interval=0.95, shuffles=9, cka=True)
    comparison.save_html(path, title="Before and after", stability=report_examples.stability())
    return path


@pytest.fixture
def page(browser: Browser, report: pathlib.Path) -> Iterator[Page]:
    with chromium.opened(browser, report) as opened:
        yield opened


def rows(page: Page, column: str) -> list[str]:
    """The cells of a column of the table of units, as far as they are in the document."""
    headings = page.locator("#unit-table thead th")
    place = headings.evaluate_all("(cells, name) => cells.findIndex((cell) => cell.dataset.column === name)", column)
    return page.locator(f"#unit-table tbody tr:not(.spacer) td:nth-child({place + 1})").all_inner_texts()


def found(page: Page) -> int:
    return int(page.inner_text("#found").split()[0].replace(",", ""))


def sort(page: Page, column: str) -> str | None:
    page.locator(f'#unit-table th[data-column="{column}"] button').click()
    return page.locator(f'#unit-table th[data-column="{column}"]').get_attribute("aria-sort")


def drawn(page: Page) -> None:
    """Waits until all plots are drawn."""
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
        plot.locator(".main-svg").first.wait_for()


def test_says_what_the_comparison_says(page: Page) -> None:
    comparison = report_examples.comparison(interval=0.95, shuffles=9, cka=True)
    verdict = comparison.verdict()
    assert page.title() == "Before and after"
    assert page.inner_text("h1") == "Before and after"
    text = page.inner_text("#verdict")
    for expected in (verdict.level, verdict.headline, verdict.uncertainty, *verdict.notes, f"{verdict.adjusted:.3f}"):
        assert expected in text
    assert page.locator("#layer-table tbody tr").count() == len(comparison.layers)
    assert f"{comparison.layers[1].score:.4f}" in page.inner_text("#layer-table")


def test_plots_are_drawn_with_their_numbers(page: Page) -> None:
    drawn(page)
    assert page.locator(".plot .main-svg").count() > 0
    assert page.locator("#heat .heatmaplayer image").count() == 1
    assert page.locator("#histograms figure").count() == 2
    assert page.locator("#histograms .barlayer .point").count() > 0
    assert page.locator("#histograms .scatterlayer .js-line").count() == 2
    comparison = report_examples.comparison()
    matrix = comparison.layer_similarity
    assert matrix is not None
    texts = page.locator("#heat .annotation text").all_text_contents()
    assert texts == [f"{value:.2f}" for row in matrix.adjusted.tolist() for value in row]


def test_hovering_tells_the_numbers(page: Page) -> None:
    drawn(page)
    for plot, expected in (("#heat .nsewdrag", "adjusted"), ("#histograms .plot .nsewdrag", "matched units")):
        area = page.locator(plot).first
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        seen = ""
        # Somewhere along the middle there is a bar or a cell.
        for share in range(5, 100, 5):
            page.mouse.move(box["x"] + box["width"] * share / 100, box["y"] + box["height"] * 0.9)
            page.wait_for_timeout(60)
            seen += " ".join(page.locator(".hoverlayer .hovertext").all_text_contents())
        assert expected in seen


def test_table_has_all_units_in_the_end(page: Page) -> None:
    assert found(page) == TOTAL
    assert page.get_attribute("#unit-table", "aria-rowcount") == str(TOTAL + 1)
    assert sort(page, "layer") == "ascending"
    first = rows(page, "unit_a")
    assert first[:3] == ["0", "1", "2"]
    page.locator("#unit-scroll").evaluate("(element) => { element.scrollTop = 1e9; }")
    page.wait_for_function(f"() => document.querySelector('#unit-table [aria-rowindex=\"{TOTAL + 1}\"]') !== null")
    assert rows(page, "unit_a")[-1] == "15"


def test_table_agrees_with_the_comparison(page: Page) -> None:
    layer = report_examples.comparison().layers[0]
    page.select_option("#layer", "0")
    assert found(page) == 30
    frame = layer.to_dataframe()
    for unit in (0, 7, 23):
        page.fill("#search", f"a{unit}")
        (expected,) = frame[frame.unit_a == unit].to_dict("records")
        assert rows(page, "unit_b") == [str(expected["unit_b"])]
        assert rows(page, "similarity") == [f"{expected['similarity']:.4f}"]
        assert rows(page, "density_a") == [f"{expected['density_a']:.4f}"]
        assert rows(page, "density_b") == [f"{expected['density_b']:.4f}"]
        assert rows(page, "flicker") == [f"{report_examples.stability().layers[0].flicker[unit]:.4f}"]


def test_search(page: Page) -> None:
    page.select_option("#layer", "1")
    for text, count in (("b3", 1), ("a3 a4", 2), ("a3,b4", 2), ("A0-5", 6), ("99", 0), ("", 16), ("a16", 0)):
        page.fill("#search", text)
        if text == "a3,b4":  # one row where they are partners
            assert found(page) in (1, 2)
        else:
            assert found(page) == count, text
        assert page.get_attribute("#search", "aria-invalid") == "false"
    page.fill("#search", "unit 3")
    assert page.get_attribute("#search", "aria-invalid") == "true"
    assert "expected 12, a12, b7 or 10-20" in page.inner_text("#found")
    page.get_by_role("button", name="Reset", exact=True).click()
    page.wait_for_function("() => document.getElementById('found').textContent.startsWith('46')")
    assert page.input_value("#layer") == ""


def test_filters_by_kind_and_similarity(page: Page) -> None:
    comparison = report_examples.comparison()
    alone = sum(layer.units_b - len(layer.matches) for layer in comparison.layers)
    page.select_option("#kind", "none")
    assert found(page) == alone == 6
    assert set(rows(page, "unit_a")) == {"none"}
    assert set(rows(page, "similarity")) == {""}
    page.select_option("#kind", "dead")
    assert "both dead" in rows(page, "kind")
    page.select_option("#kind", "duplicate")
    assert "a: duplicate of 8" in rows(page, "kind")
    page.select_option("#kind", "always on")
    assert any("b: always on" in kind for kind in rows(page, "kind"))
    page.select_option("#kind", "")
    page.fill("#most", "0.5")
    expected = sum(int((layer.similarities <= 0.5).sum()) for layer in comparison.layers)
    assert found(page) == expected > 0


def test_sorts_both_ways_with_what_is_missing_last(page: Page) -> None:
    page.locator("#unit-scroll").evaluate("(element) => { element.style.height = '4000px'; }")  # all rows at once
    assert page.get_attribute('#unit-table th[data-column="similarity"]', "aria-sort") == "ascending"  # to begin with
    assert sort(page, "similarity") == "descending"
    down = rows(page, "similarity")
    assert sort(page, "similarity") == "ascending"
    up = rows(page, "similarity")
    assert len(up) == len(down) == TOTAL
    for cells in (up, down):
        assert cells[-6:] == [""] * 6
    assert [float(cell) for cell in up[:-6]] == sorted(float(cell) for cell in up[:-6])
    assert down[:-6] == up[:-6][::-1]
    assert sort(page, "unit_b") == "ascending"
    assert page.locator('#unit-table th[data-column="similarity"]').get_attribute("aria-sort") is None
    units = [int(cell) for cell in rows(page, "unit_b")]
    assert units == sorted(units)
    sort(page, "kind")
    kinds = rows(page, "kind")
    assert kinds[0] != ""
    assert kinds[-1] == ""


def test_silent_units_lead_to_the_table(page: Page) -> None:
    page.locator("#kinds-table").get_by_role("button").first.click()
    assert page.input_value("#layer") == "0"
    assert page.input_value("#kind") == "dead"
    assert found(page) == len(rows(page, "kind")) > 0
    assert page.evaluate("document.activeElement.id") == "unit-scroll"


def test_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#theme")
    page.keyboard.press("Enter")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.focus('#unit-table th[data-column="density_a"] button')
    page.keyboard.press("Space")
    assert page.locator('#unit-table th[data-column="density_a"]').get_attribute("aria-sort") == "ascending"
    page.focus("#unit-scroll")
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.getElementById('unit-scroll').scrollTop > 100")


def background(page: Page) -> str:
    color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return color


def plot_color(page: Page) -> str:
    color: str = page.locator("#profile .xtick text").first.evaluate("(element) => getComputedStyle(element).fill")
    return color


def test_theme_follows_the_system_until_it_is_chosen(browser: Browser, report: pathlib.Path) -> None:
    with chromium.opened(browser, report, color_scheme="dark") as page:
        drawn(page)
        dark, dark_plot = background(page), plot_color(page)
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"() => getComputedStyle(document.body).backgroundColor !== '{dark}'")
        light, light_plot = background(page), plot_color(page)
        assert (light, light_plot) != (dark, dark_plot)
        assert light_plot != dark_plot
        page.click("#theme")
        assert (background(page), plot_color(page)) == (dark, dark_plot)
        assert page.inner_text("#theme") == "Light"
        page.emulate_media(color_scheme="dark")
        page.click("#theme")
        assert (background(page), plot_color(page)) == (light, light_plot)
        page.reload()
        assert background(page) == light  # it remembers


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_against_the_rules_of_accessibility(
    browser: Browser, report: pathlib.Path, scheme: str, width: int
) -> None:
    """WCAG 2.2 level AA, contrast for one, as far as axe-core can tell."""
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}, "bypass_csp": True}
    with chromium.opened(browser, report, **options) as page:
        drawn(page)
        page.locator("details summary").click()
        rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        results = Axe().run(page, options={"runOnly": {"type": "tag", "values": rules}})
        assert results.response["violations"] == [], results.generate_report()
        assert len(results.response["passes"]) > 20


@pytest.mark.parametrize("width", [320, 390, 768])
def test_phone_scrolls_one_way_only(browser: Browser, report: pathlib.Path, width: int) -> None:
    with chromium.opened(browser, report, viewport={"width": width, "height": 800}) as page:
        drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_print_has_all_plots_in_light_colours(browser: Browser, report: pathlib.Path) -> None:
    with chromium.opened(browser, report, color_scheme="dark") as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert background(page) == "rgb(255, 255, 255)"
        for plot in page.locator(".plot").all():
            assert plot.locator(".main-svg").count() > 0
        assert not page.locator("#filters").is_visible()
        assert page.locator("#unit-table tbody tr").count() == 40
        page.set_viewport_size({"width": 700, "height": 1200})  # paper has another size
        page.wait_for_timeout(200)
        assert page.locator("#unit-table tbody tr").count() == 40
        assert page.locator("#unit-table .spacer").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 700
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.get_attribute("html", "data-theme") is None
        assert page.locator("#unit-table tbody tr:not(.spacer)").count() == TOTAL
        assert page.pdf().startswith(b"%PDF")


def test_texts_and_tables_are_there_without_scripts(browser: Browser, report: pathlib.Path) -> None:
    with chromium.opened(browser, report, java_script_enabled=False) as page:
        assert page.locator("#verdict").is_visible()
        assert page.locator("#layer-table").is_visible()
        assert page.locator("#kinds-table").is_visible()
        assert page.locator("noscript p").is_visible()
        for element in page.locator(".needs-script").all():
            assert not element.is_visible()


def test_the_table_of_layers_is_seen_whole_on_a_wide_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1300, "height": 900})
    hidden = "(table) => table.parentElement.scrollWidth - table.parentElement.clientWidth"
    assert page.locator("#layer-table").evaluate(hidden) == 0


def test_names_of_many_layers_dont_overlap(browser: Browser, tmp_path: pathlib.Path) -> None:
    report_examples.made_up(300, 2).save_html(tmp_path / "report.html")
    overlaps = """(labels) => {
      const boxes = labels.map((label) => label.getBoundingClientRect());
      return boxes.filter((box, i) => i > 0 && Math.abs(box.top - boxes[i - 1].top) < 8
                                      && Math.abs(box.left - boxes[i - 1].left) < 8).length;
    }"""
    with chromium.opened(browser, tmp_path / "report.html") as page:
        for plot in ("profile", "heat"):
            page.locator(f"#{plot}").scroll_into_view_if_needed()
            page.locator(f"#{plot} .main-svg").first.wait_for()
            for axis in ("xtick", "ytick"):
                labels = page.locator(f"#{plot} .{axis} text")
                assert labels.count() > 4
                assert labels.evaluate_all(overlaps) == 0, (plot, axis)
        assert page.locator("#histograms figcaption").nth(1).inner_text().startswith("layer 2 – blocks.1.linear: mean")


def test_names_are_text(browser: Browser, tmp_path: pathlib.Path) -> None:
    evil = "</script><script>document.title='broken'</script><b>&amp;"
    a, b, inputs = report_examples.networks()
    comparison = funcsim.compare(a, b, inputs)
    for layer in comparison.layers:
        object.__setattr__(layer, "name_a", f"{evil}{layer.name_a}")
    object.__setattr__(comparison, "layer_similarity", None)
    comparison.save_html(tmp_path / "report.html", title=evil)
    with chromium.opened(browser, tmp_path / "report.html") as page:
        drawn(page)
        assert page.title() == evil
        assert page.inner_text("h1") == evil
        assert page.locator("main b").count() == 0
        assert evil in page.inner_text("#layer-table")
        assert evil in rows(page, "layer")[0]


def test_less_is_shown_where_less_was_collected(browser: Browser, tmp_path: pathlib.Path) -> None:
    report_examples.comparison(details=False).save_html(tmp_path / "report.html")
    with chromium.opened(browser, tmp_path / "report.html") as page:
        drawn(page)
        assert page.locator("#heat .annotation text").all_text_contents().count("–") == 2
        assert page.locator("#histograms .scatterlayer .js-line").count() == 0
        assert page.locator("#histograms .shapelayer path").count() == 2
        assert page.inner_text("main").count("details=True") == 2
        assert "flicker" not in page.inner_text("main")


def test_page_of_all_layers(browser: Browser, tmp_path: pathlib.Path) -> None:
    a, b, inputs = report_examples.networks()
    for similarity in ("jaccard", "phi", "cka", "cka_debiased"):
        layers = funcsim.layer_similarity(a, b, inputs, similarity=similarity)
        layers.save_html(tmp_path / "layers.html", title=f"By {similarity}")
        with chromium.opened(browser, tmp_path / "layers.html", bypass_csp=True) as page:
            drawn(page)
            assert page.inner_text("h1") == f"By {similarity}"
            texts = page.locator("#heat .annotation text").all_text_contents()
            assert texts == [f"{value:.2f}" for row in layers.adjusted.tolist() for value in row]
            page.emulate_media(media="print")
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            page.evaluate("dispatchEvent(new Event('afterprint'))")
            assert Axe().run(page).response["violations"] == []
    with pytest.raises(TypeError, match="title must be a string or None, got 1"):
        layers.save_html(tmp_path / "layers.html", title=1)  # type: ignore[arg-type]


def test_phi_and_sketches(browser: Browser, tmp_path: pathlib.Path) -> None:
    for name, options in {"phi": {"similarity": "phi"}, "sketches": {"method": "minhash"}}.items():
        report_examples.comparison(**options).save_html(tmp_path / f"{name}.html")
        with chromium.opened(browser, tmp_path / f"{name}.html") as page:
            drawn(page)
            assert found(page) == TOTAL


def test_large_report_stays_small_and_quick(browser: Browser, tmp_path: pathlib.Path) -> None:
    """16 layers of 4096 units: 65,536 rows, of which only those that are seen are in the document."""
    path = tmp_path / "report.html"
    report_examples.made_up(16, 4096).save_html(path)
    assert path.stat().st_size < 15e6
    with chromium.opened(browser, path) as page:
        page.locator("#unit-scroll").scroll_into_view_if_needed()
        assert found(page) == 65536
        assert sort(page, "similarity") == "descending"
        assert sort(page, "similarity") == "ascending"
        frames = page.evaluate(
            """async () => {
              const box = document.getElementById("unit-scroll");
              const frame = () => new Promise(requestAnimationFrame);
              const times = [];
              for (let step = 0; step < 60; step++) {
                box.scrollTop += 997;
                const start = performance.now();
                await frame();
                times.push(performance.now() - start);
                if (box.querySelectorAll("tr").length > 100) throw new Error("too many rows");
              }
              return times.sort((one, other) => one - other);
            }"""
        )
        assert frames[30] < 100  # a sixtieth of a second where the machine has nothing else to do
        page.locator("#unit-scroll").evaluate("(element) => { element.scrollTop = 1e9; }")
        page.wait_for_function("() => document.querySelector('#unit-table [aria-rowindex=\"65537\"]') !== null")
        assert float(rows(page, "similarity")[-1]) > 0.99
        page.fill("#search", "b4095")
        assert found(page) == 16
