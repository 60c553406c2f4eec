"""Files that a command replaces: those that it wrote earlier, never others."""

from pathlib import Path

from ..errors import Problem
from . import files
from .state_dicts import is_state_dict


def check_replaced(output: Path, *, sketch: bool) -> None:
    """Checks that a file of this name, if there is one, holds what is going to replace it.

    Args:
        output: Where a sketch or a state dict is wanted.
        sketch: Which of these.

    Raises:
        Problem: It holds something else.
    """
    if not output.is_file() or output.stat().st_size == 0:
        return
    same = files.kind_of(str(output)) == files.SKETCH if sketch else is_state_dict(str(output))
    if not same:
        raise Problem(
            f"--output {output} would overwrite a file that isn't a {'sketch' if sketch else 'state dict'}",
            advice="Give another name, or remove the file first.",
        )
