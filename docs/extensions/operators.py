"""The directive ``operator``: a registered operator with its schema and its docstring.

The schema is the one that PyTorch holds; the docstring is that of the typed function of the same name in
``funcsim.operators.primitives``, or else that of the operator's fake kernel.
"""

import inspect

import torch
from docutils import nodes
from docutils.statemachine import StringList
from funcsim.operators import fakes, network_fakes, primitives, stability_fakes, unit_fakes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyFunction
from sphinx.ext.napoleon import GoogleDocstring

FAKES = (fakes, network_fakes, stability_fakes, unit_fakes)
PREFIX = "torch.ops.funcsim."


def schema(name: str) -> torch.FunctionSchema:
    """The schema under which an operator is registered."""
    registered: torch.FunctionSchema = getattr(torch.ops.funcsim, name).default._schema
    return registered


def docstring(name: str) -> str:
    """What an operator's documentation says, "" if nothing does."""
    fakes = (getattr(module, f"_{name}", None) for module in FAKES)
    described = next(filter(None, [getattr(primitives, name, None), *fakes]), None)
    return inspect.cleandoc(getattr(described, "__doc__", None) or "")


class Operator(PyFunction):
    """``.. operator:: compare``."""

    def run(self) -> list[nodes.Node]:
        """Renders it as a Python function, so that ``:func:`` links to it."""
        (name,) = self.arguments
        if not hasattr(torch.ops.funcsim, name):
            raise self.error(f"there is no operator {PREFIX}{name}")
        if not docstring(name):
            raise self.error(f"{PREFIX}{name} has no docstring; expected one in primitives.py or a file of fakes")
        self.name = "py:function"
        return super().run()

    def handle_signature(self, sig: str, signode: addnodes.desc_signature) -> tuple[str, str]:
        """Writes the schema as the signature."""
        full_name = PREFIX + sig
        signode["module"] = ""
        signode["class"] = ""
        signode["fullname"] = full_name
        signode += addnodes.desc_addname(PREFIX, PREFIX)
        signode += addnodes.desc_name(sig, sig)
        described = schema(sig)
        parameters = addnodes.desc_parameterlist()
        parameters["multi_line_parameter_list"] = len(str(described)) > 100
        parameters["multi_line_trailing_comma"] = False
        arguments, result = str(described).removeprefix(f"funcsim::{sig}(").split(") -> ")
        for argument in arguments.split(", "):
            parameters += addnodes.desc_parameter(argument, argument)
        signode += parameters
        signode += addnodes.desc_returns(result, result)
        return full_name, ""

    def before_content(self) -> None:
        """Puts the docstring where a directive's own text would stand."""
        super().before_content()
        name = self.arguments[0]
        lines = GoogleDocstring(docstring(name), self.config, self.env.app, "function", name).lines()
        self.env.app.emit("autodoc-process-docstring", "function", name, None, {}, lines)
        self.content = StringList(lines, f"docstring of {PREFIX}{name}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("operator", Operator)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
