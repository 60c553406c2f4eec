"""Options that several commands have, and how their values are read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from .errors import Problem

NETWORK_HELP = (
    "a TorchScript file; a .pt2 export; WEIGHTS@ARCHITECTURE, such as a.safetensors@models:make; "
    "package.module:function; torchvision:NAME. See funcsim help models."
)
MODEL_HELP = f"a sketch; {NETWORK_HELP}"

OUTPUT, NETWORKS, SAMPLES, SCORING, HOW = "Output", "Networks", "Samples", "Scoring", "How it runs"


class Method(StrEnum):
    """How similarities are found."""

    AUTO = "auto"
    EXACT = "exact"
    MINHASH = "minhash"


class Similarity(StrEnum):
    """Of two units."""

    JACCARD = "jaccard"
    PHI = "phi"


class LayerSimilarity(StrEnum):
    """Of two layers."""

    JACCARD = "jaccard"
    PHI = "phi"
    CKA = "cka"
    CKA_DEBIASED = "cka_debiased"


class AlignSimilarity(StrEnum):
    """By what units are matched before they are merged."""

    JACCARD = "jaccard"
    PHI = "phi"
    CORRELATION = "correlation"
    WEIGHTS = "weights"


class Bar(StrEnum):
    """Which number has to clear a bar."""

    SCORE = "score"
    ADJUSTED = "adjusted"


def _option(panel: str, *names: str, text: str, metavar: str | None = None) -> object:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=panel)


def _checked_seed(seed: int | None) -> int | None:
    """Checks it where help needn't show so long a range."""
    if seed is not None and not -(1 << 63) <= seed < 1 << 63:
        raise typer.BadParameter(f"expected a number from {-(1 << 63)} to {(1 << 63) - 1}")
    return seed


ModelA = Annotated[str, typer.Argument(metavar="A", help=f"The first network: {MODEL_HELP}")]
ModelB = Annotated[str, typer.Argument(metavar="B", help="The second one, likewise.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help=f"The network: {NETWORK_HELP}")]

Inputs = Annotated[
    str | None,
    _option(
        SAMPLES,
        "--inputs",
        "-i",
        metavar="SOURCE",
        text="Inputs such as the networks are meant for: a .npy, .pt or .safetensors file; a folder of images; a "
        "folder that datasets has saved; or package.module:loader. See funcsim help inputs.",
    ),
]
Key = Annotated[
    str | None, _option(SAMPLES, "--key", metavar="NAME", text="The tensor or column in it that is the input.")
]
Split = Annotated[str | None, _option(SAMPLES, "--split", metavar="NAME", text="The split of a dataset, such as test.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Take N inputs, drawn by --seed.", rich_help_panel=SAMPLES),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", metavar="N", min=1, help="Images or rows read at a time.", rich_help_panel=SAMPLES),
]
ImageSize = Annotated[
    int,
    typer.Option("--image-size", metavar="N", min=1, help="Images are cut to N by N points.", rich_help_panel=SAMPLES),
]
Transform = Annotated[
    str | None,
    _option(
        SAMPLES,
        "--transform",
        metavar="PATH",
        text="package.module:function that makes a tensor of an image, instead of torchvision's for ImageNet.",
    ),
]
Positions = Annotated[
    str | None,
    _option(
        SAMPLES,
        "--positions",
        metavar="P",
        text="Samples an input of layers with positions (space, time, tokens): all, any, or a number. Default 16.",
    ),
]
Margin = Annotated[
    float | None,
    _option(SAMPLES, "--margin", metavar="M", text="A unit fires above this pre-activation. Default 0."),
]

Include = Annotated[
    list[str] | None,
    _option(NETWORKS, "--include", metavar="NAME", text="Hidden layers to take, with wildcards; may be repeated."),
]
Exclude = Annotated[
    list[str] | None,
    _option(NETWORKS, "--exclude", metavar="NAME", text="Hidden layers to leave out; may be repeated."),
]
TrustPickle = Annotated[
    bool,
    _option(
        NETWORKS,
        "--trust-pickle",
        text="Unpickle files that need it, which runs any code that is in them. For files of your own only.",
    ),
]

MethodOption = Annotated[
    Method, _option(SCORING, "--method", text="Count, or estimate from sketches; auto counts while that is cheaper.")
]
SimilarityOption = Annotated[Similarity, _option(SCORING, "--similarity", text="Of units.")]
NumHashes = Annotated[
    int | None, _option(SCORING, "--num-hashes", metavar="N", text="Slots of a sketch. Default 1024.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        callback=_checked_seed,
        help="Of everything random. Default 0.",
        rich_help_panel=SCORING,
    ),
]
Pairs = Annotated[
    list[str] | None,
    _option(
        SCORING, "--pair", metavar="I:J", text="Compare layer I of A with J of B, counted from 0; may be repeated."
    ),
]

Json = Annotated[
    str | None,
    _option(OUTPUT, "--json", metavar="FILE", text="Write the result as JSON; - prints it instead of a table."),
]
Html = Annotated[
    Path | None, _option(OUTPUT, "--html", metavar="FILE", text="Write a report that opens in a browser, offline.")
]
Quiet = Annotated[bool, _option(OUTPUT, "--quiet", "-q", text="Print nothing but errors, and JSON that was asked for.")]

Device = Annotated[
    str | None, _option(HOW, "--device", metavar="NAME", text="Where the networks run: cpu, cuda, cuda:1.")
]
Progress = Annotated[
    bool, _option(HOW, "--progress/--no-progress", text="Show bars where standard error is a terminal.")
]
Debug = Annotated[bool, _option(HOW, "--debug", text="Show where in the code an error was noticed.")]


def checked_bar(bar: float | None) -> float | None:
    """The value of --fail-below: nothing is below what is no number, and everything below what is above 1."""
    if bar is not None and not -1 <= bar <= 1:
        raise typer.BadParameter("expected a number from -1 to 1")
    return bar


def read_positions(text: str | None) -> int | Literal["all", "any"] | None:
    """The value of --positions."""
    if text is None:
        return None
    if text in ("all", "any"):
        return "all" if text == "all" else "any"
    try:
        return int(text)
    except ValueError:
        raise Problem("--positions", expected="all, any or a number of points", got=repr(text)) from None


def read_pairs(texts: list[str] | None) -> list[tuple[int, int]] | None:
    """The values of --pair."""
    pairs = []
    for text in texts or []:
        first, colon, second = text.partition(":")
        if not (colon and first.isdecimal() and second.isdecimal()):
            raise Problem("--pair", expected="two layers' numbers, such as 0:1", got=repr(text))
        pairs.append((int(first), int(second)))
    return pairs or None


def read_numbers(option: str, text: str) -> list[float]:
    """Numbers with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise Problem(option, expected="numbers with commas between them, such as 0.01,0.1", got=repr(text)) from None
