"""``funcsim stability``."""

from typing import Annotated

import typer

from .. import options as o
from ..output import check_outputs, give
from ..reading import Reading, with_reading

EXAMPLES = """
[bold]Examples[/]

funcsim stability network.pt --inputs inputs.npy

funcsim stability network.pt -i inputs.npy --sigmas 0.01,0.1 --repeats 5 --json stability.json
"""


@with_reading
def stability(
    model: o.Model,
    reading: Reading,
    include: o.Include = None,
    exclude: o.Exclude = None,
    sigmas: Annotated[
        str | None,
        typer.Option(
            "--sigmas",
            metavar="S,S,...",
            help="Sizes of the noise, relative to the weights. Default 0.001 to 1.",
            rich_help_panel=o.SCORING,
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="Draws of the noise.", rich_help_panel=o.SCORING)
    ] = 1,
    eps: Annotated[
        float,
        typer.Option("--eps", metavar="E", help="What counts as near a unit's boundary.", rich_help_panel=o.SCORING),
    ] = 0.05,
    json: o.Json = None,
) -> None:
    """Say how far to trust scores of a network: compare it with copies that have noise on their weights.

    What a change of the weights that doesn't matter does to the score is what other scores are to be held against.
    """
    check_outputs({"--json": json}, model, reading.inputs)
    wanted_sigmas = None if sigmas is None else o.read_numbers("--sigmas", sigmas)

    import funcsim
    from funcsim.stability import SIGMAS

    from ..loading import load_for, load_networks

    (loaded,) = load_networks([model], reading)
    result = funcsim.stability(
        loaded.module,
        load_for([loaded], reading),
        sigmas=SIGMAS if wanted_sigmas is None else wanted_sigmas,
        repeats=repeats,
        eps=eps,
        **reading.given_or_default,
        include=include or None,
        exclude=exclude or None,
        progress=reading.shows_progress,
    )
    give(str(result), result.to_dict(), json, reading.quiet)
