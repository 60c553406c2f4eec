"""All commands. Imports nothing that takes long."""

from pathlib import Path
from typing import Annotated

import typer

from .commands import compare, info

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
        exec((Path(__file__).parents[1] / "funcsim" / "_version.py").read_text(encoding="utf-8"), names)  # noqa: S102
        typer.echo(f"funcsim {names['__version__']}")
        raise typer.Exit


@app.callback()
def _funcsim(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


for name, module, function in (
    ("compare", compare, compare.compare),
    ("info", info, info.info),
):
    app.command(name, epilog=module.EXAMPLES)(function)
