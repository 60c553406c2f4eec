"""``funcsim demo``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..errors import Problem
from ..output import note, show

EXAMPLES = """
[bold]Examples[/]

funcsim demo

funcsim demo --output demo    [dim]# leaves the networks there, with commands to try on them[/]
"""

TRY = """\
Written to {folder}. Try there:

  funcsim compare a.safetensors@networks:make b.safetensors@networks:make --inputs inputs.npy
  funcsim layers a.pt next.pt --inputs inputs.npy
  funcsim prune-report a.pt pruned.pt --inputs inputs.npy
  funcsim stability a.pt --inputs inputs.npy
  funcsim sketch a.pt --inputs inputs.npy --output a-sketch.safetensors
  funcsim merge a.pt b.pt --inputs inputs.npy --output merged.safetensors"""


def demo(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Leave the networks and inputs in a folder, to try commands on.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
    seed: o.Seed = None,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Train small networks, compare them, and show what scores look like. Takes some seconds, downloads nothing."""
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise Problem(f"--output {output}", expected="a folder that is new or empty", got="something else")

    import funcsim

    from ..demonstration import make_demonstration, write_demonstration

    made = make_demonstration(seed or 0)
    if not quiet:
        lines = [f"A classifier with 2 x 64 hidden units ({made.accuracy:.1%} right), compared with"]
        lines.append(f"  {'':27}score   chance  adjusted")
        for name, network in made.partners.items():
            result = funcsim.compare(made.reference, network, made.inputs, progress=False, details=False)
            lines.append(f"  {name:26}{result.score:7.4f}  {result.chance:7.4f}  {result.adjusted:8.4f}")
        show("\n".join(lines))
    if output is not None:
        write_demonstration(made, output)
        note(TRY.format(folder=output), quiet)
