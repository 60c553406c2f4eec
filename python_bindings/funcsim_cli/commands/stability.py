"""``funcsim stability``."""

from typing import Annotated

import typer

from .. import options as o
from ..output import check_writable, note, show, to_print, write_json

EXAMPLES = """
[bold]Examples[/]

funcsim stability network.pt --inputs inputs.npy

funcsim stability network.pt -i inputs.npy --sigmas 0.01,0.1 --repeats 5 --json stability.json
"""


def stability(
    model: o.Model,
    inputs: o.Inputs = None,
    key: o.Key = None,
    split: o.Split = None,
    limit: o.Limit = None,
    batch_size: o.BatchSize = 64,
    image_size: o.ImageSize = 224,
    transform: o.Transform = None,
    positions: o.Positions = None,
    margin: o.Margin = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    trust_pickle: o.TrustPickle = False,
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
    seed: o.Seed = None,
    json: o.Json = None,
    quiet: o.Quiet = False,
    device: o.Device = None,
    progress: o.Progress = True,
    debug: o.Debug = False,
) -> None:
    """Say how far to trust scores of a network: compare it with copies that have noise on their weights.

    What a change of the weights that doesn't matter does to the score is what other scores are to be held against.
    """
    check_writable("--json", json)
    wanted_positions = o.read_positions(positions)
    wanted_sigmas = None if sigmas is None else o.read_numbers("--sigmas", sigmas)

    import funcsim
    from funcsim.stability import SIGMAS

    from ..inputs import InputOptions
    from ..loading import load_for
    from ..models import load_models

    options = InputOptions(key, split, limit, batch_size, image_size, transform, seed or 0, trust_pickle)
    (loaded,) = load_models([model], seed=options.seed, device=device, trust_pickle=trust_pickle)
    result = funcsim.stability(
        loaded.module,
        load_for([loaded], inputs, options),
        sigmas=SIGMAS if wanted_sigmas is None else wanted_sigmas,
        repeats=repeats,
        eps=eps,
        seed=options.seed,
        margin=0.0 if margin is None else margin,
        positions=16 if wanted_positions is None else wanted_positions,
        include=include or None,
        exclude=exclude or None,
        progress=progress and not quiet,
    )
    write_json(result.to_dict(), json)
    if to_print(json, quiet):
        show(str(result))
        if json is not None:
            note(f"written: {json}")
