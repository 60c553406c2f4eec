"""Results on disk, and tables in pages."""

import json
import math
import pathlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.report import Grid, markdown

from .run import Experiment, Row, Table
from .settings import ROOT

DOCS = ROOT / "docs" / "evaluation"
OTHERS = "others' share of the processors"  # a figure of the machine
PAGES = (ROOT / "docs" / "evaluation.md", DOCS)


@dataclass(frozen=True)
class Result:
    """What one run of an experiment gave.

    Attributes:
        experiment: Its name.
        scale: "full", "quick" or "smoke".
        seeds: Networks of each kind.
        jobs: Processes.
        seconds: That it took, without the training of networks that were kept from before.
        processor_seconds: Of all its processes; nan where it wasn't measured.
        networks: That it used.
        trained: Those of them that weren't kept from before.
        machine: What it ran on.
        rows: What was measured.
    """

    experiment: str
    scale: str
    seeds: int
    jobs: int
    seconds: float
    processor_seconds: float
    networks: int
    trained: int
    machine: Mapping[str, Any]
    rows: list[Row]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def write_result(result: Result, folder: pathlib.Path) -> None:
    """As JSON, a table for rows of the same columns, one row a line, numbers to six digits."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {key: value for key, value in asdict(result).items() if key != "rows"}
    # Rows of the same columns name them once.
    parts = []
    for columns in dict.fromkeys(tuple(row) for row in result.rows):
        lines = ",\n".join(
            json.dumps(_rounded(list(row.values())), ensure_ascii=False) for row in result.rows if tuple(row) == columns
        )
        parts.append(f'{{"columns": {json.dumps(columns)}, "rows": [\n{lines}\n]}}')
    tables = ",\n".join(parts)
    text = json.dumps(_rounded(head), indent=1, ensure_ascii=False)[:-2] + f',\n "tables": [\n{tables}\n]\n}}\n'
    (folder / f"{result.experiment}.json").write_text(text, encoding="utf-8")


def read_result(file: pathlib.Path) -> Result:
    """What :func:`write_result` wrote; what was no number is nan."""
    content = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        {name: math.nan if value is None else value for name, value in zip(table["columns"], row, strict=True)}
        for table in content.pop("tables")
        for row in table["rows"]
    ]
    content["processor_seconds"] = math.nan if content["processor_seconds"] is None else content["processor_seconds"]
    return Result(rows=rows, **content)


def times_table(results: Iterable[Result]) -> Table:
    """How long each experiment took."""
    found = list(results)
    lines = [
        (
            each.experiment,
            f"{each.seconds:.0f}",
            "–" if math.isnan(each.processor_seconds) else f"{each.processor_seconds:.0f}",
            str(each.networks),
            str(each.trained),
            str(each.jobs),
            str(each.machine[OTHERS]),
        )
        for each in found
    ]
    total = sum(each.processor_seconds for each in found)
    shown = "–" if math.isnan(total) else f"{total:.0f}"
    lines.append(("all", f"{sum(each.seconds for each in found):.0f}", shown, "", "", "", ""))
    headings = (
        "experiment",
        "seconds",
        "processor seconds",
        "networks",
        "trained in this run",
        "processes",
        OTHERS,
    )
    return Table("times", Grid("Time", headings, lines))


def machine_table(results: Iterable[Result]) -> Table:
    """What the last of them ran on."""
    *_, last = results  # OTHERS is in the table of times, for each experiment

    def shown(value: object) -> str:
        if isinstance(value, Mapping):
            return ", ".join(f"{key} {item}" for key, item in value.items())
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    lines = [(key, shown(value)) for key, value in last.machine.items() if key != OTHERS and value not in ([], "")]
    return Table("machine", Grid("Machine", ("", "value"), lines))


def fill_pages(tables: Iterable[Table]) -> list[pathlib.Path]:
    """Puts tables where pages have markers: <!-- evaluation: NAME --> ... <!-- end -->.

    Returns:
        The pages that have markers.
    """
    texts = {table.name: markdown(table.grid) for table in tables}
    pages = [PAGES[0], *sorted(PAGES[1].glob("*.md"))]
    filled = []
    for page in pages:
        text = page.read_text(encoding="utf-8")

        def fill(match: re.Match[str], page: pathlib.Path = page) -> str:
            if match[1] not in texts:
                raise ValueError(f"{page}: no table is called {match[1]}; there are {', '.join(texts)}")
            return f"<!-- evaluation: {match[1]} -->\n\n{texts[match[1]]}\n\n<!-- end -->"

        new = re.sub(r"<!-- evaluation: (\w+) -->.*?<!-- end -->", fill, text, flags=re.DOTALL)
        if new != text:
            page.write_text(new, encoding="utf-8")
        if "<!-- evaluation:" in text:
            filled.append(page)
    return filled


def write_tables(experiments: Iterable[Experiment], results: Mapping[str, Result], folder: pathlib.Path) -> list[Table]:
    """All tables into one file, all plots beside it."""
    found: list[Table] = []
    for experiment in experiments:
        if experiment.name in results:
            rows = results[experiment.name].rows
            found += experiment.tables(rows)
            experiment.draw(rows, folder)
    found += [times_table(results.values()), machine_table(results.values())]
    text = "\n\n".join(f"## {table.grid.title}\n\n{markdown(table.grid)}" for table in found)
    (folder / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    return found
