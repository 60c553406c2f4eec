"""The container of sketch files: a safetensors file with one JSON document, a version and a checksum.

docs/sketch-format.md describes it for readers without funcsim.
"""

import hashlib
import json
import os
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ._version import __version__
from .whole_file import Path, write_whole

METADATA_KEY = "funcsim_sketch"
VERSION = 1


def _checksum(document: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """SHA-256 of the document without its checksum, and of the tensors in the order of their names."""
    covered = {key: value for key, value in document.items() if key != "sha256"}
    checksum = hashlib.sha256(json.dumps(covered, sort_keys=True).encode())
    for name in sorted(tensors):
        checksum.update(tensors[name].contiguous().flatten().view(torch.uint8).numpy().data)
    return checksum.hexdigest()


def write(path: Path, document: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Writes a file, which appears under its name when it is complete.

    Raises:
        OSError: The file can't be written.
    """
    document = {"version": VERSION, **document}
    document["sha256"] = _checksum(document, tensors)
    content = save(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        metadata={METADATA_KEY: json.dumps(document, sort_keys=True)},
    )
    write_whole(path, content)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document and tensors of a file, whose checksum is right.

    Raises:
        OSError: The file can't be opened.
        ValueError: Names the file and says what is wrong with it.
    """
    file = os.fspath(path)
    with open(file, "rb"):  # noqa: PTH123  # for errors that are an OSError in every case
        pass
    try:
        with safe_open(file, framework="pt") as stored:
            text = (stored.metadata() or {}).get(METADATA_KEY)
            # Copies, since tensors lie in the file itself as long as it isn't changed. SIM118: `stored` is no mapping.
            tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{file} is no sketch, or a damaged one: not a safetensors file ({error})") from error
    if text is None:
        raise ValueError(f"{file} is a safetensors file, but no sketch: it has no metadata {METADATA_KEY!r}")
    document = _document(file, text)
    checksum = _checksum(document, tensors)
    if document.get("sha256") != checksum:
        raise ValueError(
            f"{file} is damaged: its content has the checksum {checksum}, and it says {document.get('sha256')!r}"
        )
    return document, tensors


def _document(file: str, text: str) -> dict[str, Any]:
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: its metadata {METADATA_KEY!r} is no JSON ({error})") from error
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(document, dict) or type(version) is not int or version < 1:
        raise ValueError(f"{file} is damaged: its metadata {METADATA_KEY!r} has no version, got {text[:80]!r}")
    if version > VERSION:
        raise ValueError(
            f"{file} is a sketch of version {version} of the format; funcsim {__version__} reads version {VERSION}. "
            f"A later funcsim wrote it, and can read it"
        )
    return document
