"""``funcsim info``."""

import os
import platform
from typing import Annotated, Any

import typer

from .. import options as o
from ..output import check_outputs, give

OPTIONAL = ("torchvision", "datasets", "matplotlib", "plotly", "pandas", "rich", "typer")

EXAMPLES = """
[bold]Examples[/]

funcsim info

funcsim info network.pt    [dim]# what funcsim sees of a network[/]

funcsim info --json -
"""


def info(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help=f"A network or sketch to describe: {o.MODEL_HELP}")
    ] = None,
    seed: o.Seed = None,
    trust_pickle: o.TrustPickle = False,
    json: o.Json = None,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
) -> None:
    """Say what is installed and used, or what funcsim sees of a network."""
    check_outputs({"--json": json}, model)
    document = _of_installation() if model is None else _of_model(model, seed or 0, trust_pickle)
    give("\n".join(_lines(document)), document, json, quiet)


def _of_installation() -> dict[str, Any]:
    import funcsim
    import torch

    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "funcsim": funcsim.__version__,
        "torch": torch.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "library": os.path.dirname(funcsim.__file__) + "/lib/libfuncsim.so",  # noqa: PTH120
        "instructions": funcsim.simd_level(),
        "threads": torch.get_num_threads(),
        "CUDA": devices or "none",
        "optional packages": {name: _version(name) for name in OPTIONAL},
    }


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # takes a while

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _of_model(source: str, seed: int, trust_pickle: bool) -> dict[str, Any]:
    from ..models import load_models
    from ..seen import seen

    (model,) = load_models([source], seed=seed, device=None, trust_pickle=trust_pickle, sketches=True)
    return {"source": source, **seen(model.network)}


def _lines(document: dict[str, Any]) -> list[str]:
    width = max(map(len, document)) + 2
    lines = []
    for name, value in document.items():
        if isinstance(value, dict):
            text = ", ".join(f"{key} {of_key or '(not installed)'}" for key, of_key in value.items())
        elif isinstance(value, list):
            text = f"\n{' ' * width}".join(map(str, value))
        else:
            text = str(value)
        lines.append(f"{name.ljust(width)}{text}")
    return lines
