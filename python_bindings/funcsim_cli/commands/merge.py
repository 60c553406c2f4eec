"""``funcsim merge``."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..errors import Problem
from ..output import check_outputs, note, show
from ..reading import Reading, with_reading

EXAMPLES = """
[bold]Examples[/]

funcsim merge a.safetensors@models:make b.safetensors@models:make --inputs inputs.npy --output merged.safetensors

funcsim merge a.pt b.pt c.pt -i inputs.npy -o merged.safetensors --weight 0.3,0.3

The weights then belong into the same architecture: merged.safetensors@models:make
"""
NEXT = """\
Nothing says yet that it is any good: measure its accuracy beside that of each network, or funcsim.barrier in Python.
What it has of each:
"""
SUFFIXES = (".safetensors", ".pt", ".pth")


@with_reading
def merge(
    models: Annotated[
        list[str], typer.Argument(metavar="A B...", help=f"Two or more networks of one architecture: {o.NETWORK_HELP}")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The merged network's state dict, .safetensors or .pt.",
            rich_help_panel=o.OUTPUT,
        ),
    ],
    reading: Reading,
    weight: Annotated[
        str | None,
        typer.Option(
            "--weight",
            metavar="W,...",
            help="The share of B, from 0 to 1; of several networks one for each but A. Default: equal shares.",
            rich_help_panel=o.SCORING,
        ),
    ] = None,
    similarity: Annotated[
        o.AlignSimilarity,
        typer.Option(
            "--similarity",
            metavar="KIND",
            help="By what units are matched: jaccard, phi, correlation or weights.",
            rich_help_panel=o.SCORING,
        ),
    ] = o.AlignSimilarity.JACCARD,
    no_rescale: Annotated[
        bool,
        typer.Option("--no-rescale", help="Don't give units of B the norms of A's first.", rich_help_panel=o.SCORING),
    ] = False,
    no_repair: Annotated[
        bool,
        typer.Option("--no-repair", help="Don't repair the statistics of units afterwards.", rich_help_panel=o.SCORING),
    ] = False,
    coordinate_descent: Annotated[
        bool,
        typer.Option(
            "--coordinate-descent", help="Go on from the first matching by weights.", rich_help_panel=o.SCORING
        ),
    ] = False,
) -> None:
    """Make one network of two or more: bring their units into one order, average the weights, repair the statistics.

    Networks must be Sequentials of one architecture. Give inputs such as they were trained on. Whether the merged one
    is any good its accuracy says, and funcsim.barrier in Python; neither is computed here.
    """
    if len(models) < 2:
        raise Problem("there is nothing to merge", expected="two or more networks", got="one")
    check_outputs({"--output": output}, *models, reading.inputs)
    if output.suffix not in SUFFIXES:
        raise Problem(f"--output {output}", expected=f"a file that ends in {', '.join(SUFFIXES)}", got=output.suffix)
    shares = None if weight is None else o.read_numbers("--weight", weight)

    import funcsim

    from ..loading import load_for, load_networks
    from ..models.replaced import check_replaced
    from ..models.state_dicts import save_state_dict

    check_replaced(output, sketch=False)

    loaded = load_networks(models, reading)
    first, *others = [model.sequential for model in loaded]
    batches = load_for(loaded, reading)
    merged = funcsim.merge(
        first,
        others,
        batches,
        shares,
        similarity=similarity.value,
        rescale=not no_rescale,
        repair=not no_repair,
        coordinate_descent=coordinate_descent,
        **reading.given_or_default,
        progress=reading.shows_progress,
    )
    save_state_dict(merged, output)
    if not reading.quiet:
        show(f"merged {' and '.join(models)}")
        note(f"written: {output}")
        note(_next_steps(models, output, reading))


def _next_steps(models: list[str], output: Path, reading: Reading) -> str:
    """What to do with the merged network: to be compared with those that it was made of."""
    architecture = next((model.partition("@")[2] for model in models if "@" in model), "package.module:function")
    inputs = shlex.quote(str(reading.inputs))
    merged = shlex.quote(f"{output}@{architecture}")
    return NEXT + "\n".join(
        f"  funcsim compare {shlex.quote(model)} {merged} --inputs {inputs}" for model in dict.fromkeys(models)
    )
