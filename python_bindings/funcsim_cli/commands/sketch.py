"""``funcsim sketch``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..output import check_writable, note, show

EXAMPLES = """
[bold]Examples[/]

funcsim sketch network.pt --inputs inputs.npy --output monday.safetensors

funcsim compare monday.safetensors friday.safetensors    [dim]# later, without networks and inputs[/]
"""


def sketch(
    model: o.Model,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The sketch, a safetensors file.", rich_help_panel=o.OUTPUT
        ),
    ],
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
    num_hashes: o.NumHashes = None,
    seed: o.Seed = None,
    quiet: o.Quiet = False,
    device: o.Device = None,
    progress: o.Progress = True,
    debug: o.Debug = False,
) -> None:
    """Keep what a comparison needs of a network, to compare it later without its weights and the data.

    Sketches are comparable where they were made on the same inputs with the same options.
    """
    check_writable("--output", output)
    wanted_positions = o.read_positions(positions)

    import funcsim

    from ..inputs import InputOptions
    from ..loading import load_for
    from ..models import load_models

    options = InputOptions(key, split, limit, batch_size, image_size, transform, seed or 0, trust_pickle)
    (loaded,) = load_models([model], seed=options.seed, device=device, trust_pickle=trust_pickle)
    made = funcsim.sketch(
        loaded.module,
        load_for([loaded], inputs, options),
        num_hashes=1024 if num_hashes is None else num_hashes,
        seed=options.seed,
        margin=0.0 if margin is None else margin,
        positions=16 if wanted_positions is None else wanted_positions,
        include=include or None,
        exclude=exclude or None,
        progress=progress and not quiet,
    )
    made.save(output)
    if not quiet:
        show(str(made))
        note(f"written: {output}")
