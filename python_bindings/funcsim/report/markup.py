"""Pieces of HTML."""

import html
from collections.abc import Iterable, Sequence


def text(value: object) -> str:
    """Text that is shown as it is, also within attributes."""
    return html.escape(str(value), quote=True)


def table(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int, name: str = ""
) -> str:
    """A table whose first cell of each row is the row's heading.

    Args:
        caption: What it shows, as HTML.
        headings: Of columns, as HTML.
        rows: Cells, as HTML.
        numbers_from: The first column that holds numbers, which stand at the right.
        name: Its id; may be empty.
    """

    def cell(kind: str, place: int, content: str, scope: str) -> str:
        number = ' class="number"' if place >= numbers_from else ""
        return f"<{kind}{scope}{number}>{content}</{kind}>"

    head = "".join(cell("th", place, heading, ' scope="col"') for place, heading in enumerate(headings))
    body = "\n".join(
        "<tr>"
        + cell("th", 0, row[0], ' scope="row"')
        + "".join(cell("td", place, content, "") for place, content in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
    )
    identity = f' id="{name}"' if name else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table{identity}>'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
