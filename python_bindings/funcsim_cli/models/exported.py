"""Programs of ``torch.export`` in .pt2 files."""

from torch import nn

from ..errors import Problem
from .graphs import as_network


def load_exported(path: str) -> nn.Module:
    """The network in a .pt2 file of ``torch.export.save``.

    Raises:
        Problem: It can't be read, or holds a compiled program.
    """
    from torch import export  # takes a second

    try:
        program = export.load(path)
        module = program.module()
    except Exception as error:
        raise Problem(
            f"{path} can't be loaded by torch.export.load ({type(error).__name__}: {str(error).splitlines()[0]})",
            expected="what torch.export.save wrote, by this version of torch or an older one",
            advice="Packages of AOTInductor hold machine code, in which no layers can be seen.",
        ) from error
    return as_network(module)
