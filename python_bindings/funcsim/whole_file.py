"""Files that appear under their name when they are complete."""

import os
import pathlib
import secrets

Path = str | os.PathLike[str]


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside ``path`` and renames it, so that no half of a file is ever under that name.

    Raises:
        OSError: The file can't be written.
    """
    target = pathlib.Path(path)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
