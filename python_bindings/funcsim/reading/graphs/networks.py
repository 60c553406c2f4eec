"""How graphs of functions become modules again."""

import operator
from typing import Any

import torch
from torch import fx, nn

from .functions import module_of, name_of


def as_network(graph_module: fx.GraphModule) -> nn.Module:
    """The network that a graph of ATen's functions computes.

    Args:
        graph_module: Calls functions of ATen; weights are attributes. It is changed.

    Returns:
        A Sequential where the graph is a chain of layers, else the graph with its affine and normalisation layers as
        modules. In eval mode.

    Raises:
        ValueError: Nothing in it is an affine layer.
    """
    graph = graph_module.graph
    _drop(graph)
    graph.set_codegen(fx.graph.CodeGen())  # arguments and results as they are in the graph
    graph_module = fx.GraphModule(graph_module, graph)  # those of torch.export can't be put into eval mode
    graph = graph_module.graph
    _undecorate(graph)
    modules = _find_modules(graph, graph_module)
    if not any(isinstance(module, AFFINE) for module, _ in modules.values()):
        raise ValueError(
            "no Linear and no convolution was found in the graph; quantised and otherwise compiled networks have none: "
            "give the network before that step"
        )
    sequential = _as_sequential(graph, modules)
    if sequential is not None:
        return sequential.eval()
    _put_modules(graph, graph_module, modules)
    return graph_module.eval()


AFFINE = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
WITH_WEIGHTS = (nn.Linear, nn.modules.conv._ConvNd, nn.PReLU, *NORMALISATIONS)

Found = dict[fx.Node, tuple[nn.Module, str]]


def _drop(graph: fx.Graph) -> None:
    """Takes out what only checks."""
    for node in list(graph.nodes):
        guard = node.op == "call_module" and node.target == "_guards_fn"
        if guard or (not node.users and name_of(node).startswith(("_assert", "sym_constrain"))):
            graph.erase_node(node)
    graph.eliminate_dead_code(_is_needed)


def _is_needed(node: fx.Node) -> bool:
    """Whether a node matters though nothing takes its result: what changes a tensor in place does."""
    in_place = isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
    return node.op in ("placeholder", "output") or in_place


def _undecorate(graph: fx.Graph) -> None:
    """A result of one tensor in a tuple is that tensor."""
    for node in graph.nodes:
        if node.op == "output" and isinstance(node.args[0], tuple | list) and len(node.args[0]) == 1:
            node.args = (node.args[0][0],)


def _find_modules(graph: fx.Graph, owner: nn.Module) -> Found:
    """The modules that nodes stand for, with names: those with weights have the weights' place."""
    found: Found = {}
    for node in graph.nodes:
        if node.op == "call_function" and (module := module_of(node, owner)) is not None:
            found[node] = (module, _place(node) if isinstance(module, WITH_WEIGHTS) else node.name)
    return found


def _place(node: fx.Node) -> str:
    """Where the module was whose weights a node takes: "attention.out_proj", or "attention.in_proj" in a larger one."""
    weights = (argument for argument in node.args[1:] if isinstance(argument, fx.Node) and argument.op == "get_attr")
    target = str(weight.target) if (weight := next(weights, None)) is not None else ""
    for suffix in (".weight", "_weight", ".running_mean"):
        if target.endswith(suffix):
            return target.removesuffix(suffix)
    return node.name


def _as_sequential(graph: fx.Graph, modules: Found) -> nn.Sequential | None:
    """The graph as a Sequential, if it is a chain of layers that have modules."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    (output,) = (node for node in graph.nodes if node.op == "output")
    if len(inputs) != 1:
        return None
    layers: list[tuple[str, nn.Module]] = []
    node = inputs[0]
    while True:
        users = [user for user in node.users if user.op != "get_attr"]
        if len(users) != 1:
            return None
        if users[0] is output:
            break
        if users[0] not in modules or users[0].args[0] is not node:
            return None
        node = users[0]
        module, name = modules[node]
        layers.append((name, module))
    return _nested(layers) if output.args[0] is node else None


def _nested(layers: list[tuple[str, nn.Module]]) -> nn.Sequential:
    """Layers in Sequentials within Sequentials, as their names say; side by side where those don't go in order."""
    root = nn.Sequential()
    folder: list[str] = []  # of the layer before, which those without a place share
    for name, module in layers:
        *path, last = name.split(".") if isinstance(module, WITH_WEIGHTS) else [*folder, name]
        parent = root
        for part in path:
            children = list(parent._modules)
            if part not in parent._modules:
                parent.add_module(part, nn.Sequential())
            elif children[-1] != part:
                return _flat(layers)
            inner = parent._modules[part]
            if not isinstance(inner, nn.Sequential):
                return _flat(layers)
            parent = inner
        if last in parent._modules:
            return _flat(layers)
        parent.add_module(last, module)
        folder = path
    return root


def _flat(layers: list[tuple[str, nn.Module]]) -> nn.Sequential:
    sequential = nn.Sequential()
    for name, module in layers:
        plain = name.replace(".", "_")
        again = plain in sequential._modules
        sequential.add_module(f"{plain}_{len(sequential)}" if again else plain, module)
    return sequential


def _put_modules(graph: fx.Graph, owner: fx.GraphModule, modules: Found) -> None:
    """Calls modules with weights where the graph calls functions. Calls with the same weights call one module."""
    placed: dict[tuple[str, int], str] = {}
    for node, (module, name) in modules.items():
        if not isinstance(module, WITH_WEIGHTS):
            continue
        key = (repr(module), id(next(iter(module.parameters()), module)))
        if key not in placed:
            placed[key] = _set_module(owner, name, node.name, module)
        with graph.inserting_before(node):
            call = graph.call_module(placed[key], (node.args[0],))
        node.replace_all_uses_with(call)
        graph.erase_node(node)
    graph.eliminate_dead_code(_is_needed)
    graph.lint()
    owner.recompile()


def _set_module(owner: nn.Module, place: str, other: str, module: nn.Module) -> str:
    """Puts a module where the one was that held its weights, with what else that had.

    Args:
        owner: Of all modules.
        place: Where it should be.
        other: A name where it is put if there is something else already.
        module: The module.

    Returns:
        Where it is.
    """
    path, _, name = place.rpartition(".")
    parent: Any = operator.attrgetter(path)(owner) if path else owner
    old = getattr(parent, name, None)
    if old is not None and type(old) is not nn.Module:
        owner.add_module(other, module)
        return other
    if old is not None:
        module._modules.update(old._modules)
        module._parameters.update(
            {key: value for key, value in old._parameters.items() if key not in module._parameters}
        )
    parent.add_module(name, module)
    return place
