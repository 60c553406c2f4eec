"""Networks of TorchScript.

Hooks can't be put on modules of TorchScript: its interpreter calls no Python. But the graph says which functions are
called, and is translated here, unless what is called depends on the inputs: in loops and branches.
"""

import operator
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from ..running import eval_mode
from .networks import as_network

# Functions of Python's for what isn't computed on tensors.
SCALARS: dict[str, Callable[..., Any]] = {
    "prim::NumToTensor": lambda number: number,
    "aten::Int": int,
    "aten::IntImplicit": int,
    "aten::Float": float,
    "aten::FloatImplicit": float,
    "aten::Bool": bool,
    "aten::ScalarImplicit": lambda number: number.item() if isinstance(number, torch.Tensor) else number,
    "aten::len": len,
    "aten::__getitem__": operator.getitem,
    "aten::__contains__": operator.contains,
    "aten::__not__": operator.not_,
    "prim::TupleIndex": operator.getitem,
    "prim::unchecked_cast": lambda value: value,
    "prim::device": lambda tensor: tensor.device,
    "prim::dtype": lambda tensor: tensor.dtype,
}


def module_of_script(script: torch.jit.ScriptModule) -> nn.Module:
    """What a module of TorchScript, scripted or traced, computes in eval mode, as a module that hooks can see.

    Raises:
        ValueError: It has no forward(), or branches or loops that depend on the inputs.
    """
    try:
        with warnings.catch_warnings(), eval_mode(script):
            warnings.simplefilter("ignore")  # that there will be no TorchScript some day
            # Branches on constants and on the mode go; parameters stay, under their names.
            frozen = torch.jit._recursive.wrap_cpp_module(torch._C._freeze_module(script._c, [], True, True))
            graph = frozen.graph
            torch._C._jit_pass_inline(graph)
            torch._C._jit_pass_constant_propagation(graph)
    except (RuntimeError, ValueError, AttributeError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ValueError(
            f"the TorchScript module's graph can't be read: {first.rstrip('.')}; expected a module with a forward()"
        ) from error
    return as_network(_Translation(frozen, graph).graph_module())


class _Translation:
    """A graph of TorchScript as one of ``torch.fx``."""

    def __init__(self, script: Any, graph: Any):
        self._script = script
        self._source = graph
        self._root = nn.Module()
        self._graph = fx.Graph()
        self._values: dict[str, Any] = {}  # of the graph's values: nodes, constants, or the path of a submodule

    def graph_module(self) -> fx.GraphModule:
        """The translation."""
        this, *inputs = self._source.inputs()
        self._values[this.debugName()] = ""
        arguments = self._script._c._get_method("forward").schema.arguments[1:]
        for value, argument in zip(inputs, arguments, strict=True):
            default = {"default_value": argument.default_value} if argument.has_default_value() else {}
            self._values[value.debugName()] = self._graph.placeholder(argument.name, **default)
        for node in _needed(self._source):
            self._translate(node)
        outputs = [self._values[value.debugName()] for value in self._source.outputs()]
        self._graph.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        return fx.GraphModule(self._root, self._graph)

    def _translate(self, node: Any) -> None:
        kind = node.kind()
        outputs = [value.debugName() for value in node.outputs()]
        if kind == "prim::GetAttr":
            self._values[outputs[0]] = self._attribute(node)
            return
        if kind == "prim::Constant":
            self._values[outputs[0]] = self._constant(node)
            return
        arguments = [self._values.get(value.debugName()) for value in node.inputs()]
        if kind == "prim::ListConstruct":
            self._values[outputs[0]] = arguments
        elif kind == "prim::TupleConstruct":
            self._values[outputs[0]] = tuple(arguments)
        elif kind == "prim::DictConstruct":
            self._values[outputs[0]] = dict(zip(arguments[::2], arguments[1::2], strict=True))
        elif kind in ("prim::ListUnpack", "prim::TupleUnpack"):
            for place, name in enumerate(outputs):
                self._values[name] = self._item(arguments[0], place)
        elif kind in SCALARS:
            self._values[outputs[0]] = self._graph.call_function(SCALARS[kind], tuple(arguments))
        elif (function := _function(node)) is not None:
            names = function._schema.arguments
            positional = [value for value, argument in zip(arguments, names, strict=True) if not argument.kwarg_only]
            keywords = {
                argument.name: value for value, argument in zip(arguments, names, strict=True) if argument.kwarg_only
            }
            results = self._graph.call_function(function, tuple(positional), keywords)
            for place, name in enumerate(outputs):
                self._values[name] = results if len(outputs) == 1 else self._item(results, place)
        else:
            raise ValueError(
                f"the TorchScript module holds {kind}, which depends on the inputs or isn't ATen's, so that its layers "
                f"can't be followed: use torch.jit.trace or torch.export instead, or the module that it was made from"
            )

    def _attribute(self, node: Any) -> Any:
        owner = self._values[next(iter(node.inputs())).debugName()]
        target = f"{owner}.{node.s('name')}" if owner else node.s("name")
        found: Any = operator.attrgetter(target)(self._script)
        if not isinstance(found, torch.Tensor):
            return target if isinstance(found, nn.Module) else found
        return self._tensor(target, found)

    def _constant(self, node: Any) -> Any:
        value = next(iter(node.outputs())).toIValue()
        return self._tensor(f"_constant_{len(self._values)}", value) if isinstance(value, torch.Tensor) else value

    def _tensor(self, target: str, tensor: torch.Tensor) -> fx.Node:
        """A tensor of the network, under its name."""
        path, _, name = target.rpartition(".")
        parent = self._root
        for part in path.split(".") if path else ():
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            inner = parent._modules[part]
            assert inner is not None
            parent = inner
        if isinstance(tensor, nn.Parameter) or tensor.requires_grad:
            parent.register_parameter(name, nn.Parameter(tensor.detach()))
        else:
            parent.register_buffer(name, tensor)
        return self._graph.get_attr(target)

    def _item(self, sequence: Any, place: int) -> Any:
        if isinstance(sequence, fx.Node):
            return self._graph.call_function(operator.getitem, (sequence, place))
        return sequence[place]


def _function(node: Any) -> torch._ops.OpOverload | None:
    """The very function that a node calls, or None for what Python can't call."""
    if node.schema() == "(no schema)" or node.kind().startswith("prim"):
        return None
    schema = torch._C.parse_schema(node.schema())
    namespace, _, name = schema.name.partition("::")
    try:
        found = getattr(getattr(getattr(torch.ops, namespace), name), schema.overload_name or "default")
    except AttributeError:
        return None
    takes_all = len(schema.arguments) == len(list(node.inputs()))
    return found if isinstance(found, torch._ops.OpOverload) and takes_all else None


def _needed(graph: Any) -> list[Any]:
    """The nodes that the outputs depend on, without those that only check what comes in."""
    wanted = {value.debugName() for value in graph.outputs()}
    needed = []
    for node in reversed(list(graph.nodes())):
        if _changes_something(node) or any(value.debugName() in wanted for value in node.outputs()):
            needed.append(node)
            wanted.update(value.debugName() for value in node.inputs())
    return needed[::-1]


def _changes_something(node: Any) -> bool:
    """Whether a node, or one within it, changes a tensor, a list or an attribute in place."""
    if any(_changes_something(inner) for block in node.blocks() for inner in block.nodes()):
        return True
    if node.schema() == "(no schema)":
        return bool(node.kind() == "prim::SetAttr")
    return bool(torch._C.parse_schema(node.schema()).is_mutable)
