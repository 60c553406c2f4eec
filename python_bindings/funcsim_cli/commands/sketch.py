"""``funcsim sketch``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..output import check_outputs, note, show
from ..reading import Reading, with_reading

EXAMPLES = """
[bold]Examples[/]

funcsim sketch network.pt --inputs inputs.npy --output monday.safetensors

funcsim compare monday.safetensors friday.safetensors    [dim]# later, without networks and inputs[/]
"""


@with_reading
def sketch(
    model: o.Model,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The sketch, a safetensors file.", rich_help_panel=o.OUTPUT
        ),
    ],
    reading: Reading,
    include: o.Include = None,
    exclude: o.Exclude = None,
    num_hashes: o.NumHashes = None,
) -> None:
    """Keep what a comparison needs of a network, to compare it later without its weights and the data.

    Sketches are comparable where they were made on the same inputs with the same options.
    """
    check_outputs({"--output": output}, model, reading.inputs)

    import funcsim

    from ..loading import load_for, load_networks
    from ..models.replaced import check_replaced

    check_replaced(output, sketch=True)

    (loaded,) = load_networks([model], reading)
    made = funcsim.sketch(
        loaded.module,
        load_for([loaded], reading),
        num_hashes=1024 if num_hashes is None else num_hashes,
        **reading.given_or_default,
        include=include or None,
        exclude=exclude or None,
        progress=reading.shows_progress,
    )
    made.save(output)
    if not reading.quiet:
        show(str(made))
        note(f"written: {output}")
