"""All commands. Imports nothing that takes long."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .commands import compare, demo, help_topics, info, layers, merge, prune_report, sketch, stability

HELP = """
Say how similar two neural networks are as functions, unit by unit.

[bold]Start with[/]  funcsim demo --output demo  [dim]# makes networks and inputs, and shows what to try on them[/]
"""

app = typer.Typer(
    name="funcsim",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        # Read and not imported, as that would load torch.
        names: dict[str, str] = {}
        exec((Path(__file__).parents[1] / "funcsim" / "_version.py").read_text(encoding="utf-8"), names)
        typer.echo(f"funcsim {names['__version__']}")
        raise typer.Exit


@app.callback()
def _funcsim(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "compare": (compare.compare, compare.EXAMPLES),
    "layers": (layers.layers, layers.EXAMPLES),
    "prune-report": (prune_report.prune_report, prune_report.EXAMPLES),
    "stability": (stability.stability, stability.EXAMPLES),
    "merge": (merge.merge, merge.EXAMPLES),
    "sketch": (sketch.sketch, sketch.EXAMPLES),
    "info": (info.info, info.EXAMPLES),
    "demo": (demo.demo, demo.EXAMPLES),
    "help": (help_topics.show_help, help_topics.EXAMPLES),
}

for name, (function, examples) in COMMANDS.items():
    app.command(name, epilog=examples)(function)
