"""How progress bars look. Needs the package rich, and so is imported only where there is something to show."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Done(MofNCompleteColumn):
    """How much of how much; nothing of work that isn't counted."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["unit"] else Text("")


class _Rate(ProgressColumn):
    """Inputs a second, or other steps."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        if speed is None or not unit:
            return Text("")
        return Text(f"{speed:,.0f} {unit}/s" if speed >= 10 else f"{speed:.2g} {unit}/s")


def bars() -> Progress:
    """On standard error, gone when they are done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _Done(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
