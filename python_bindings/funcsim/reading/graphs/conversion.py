"""Networks of TorchScript and ``torch.export`` as modules again.

Both keep which functions are called on which tensors, and forget the modules that called them. Functions with weights
become modules again, so that hooks see them; a chain of functions that all have modules becomes a ``Sequential``, which
has a canonical form.
"""

from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from .networks import as_network
from .torchscript import module_of_script

Model = nn.Module | ExportedProgram


def as_module(network: Any) -> Any:
    """A module that runs its layers as modules, for networks of TorchScript and ``torch.export``; others as they are.

    It shares its tensors with the network, which is left as it was.

    Raises:
        ValueError: It can't be read: says why, and what to give instead.
    """
    if isinstance(network, torch.jit.ScriptModule):
        return module_of_script(network)
    if isinstance(network, torch.fx.GraphModule):
        return as_network(_copy(network)) if _calls_functions_only(network.graph) else network
    if isinstance(network, ExportedProgram):
        return as_network(network.module())
    return network


def _calls_functions_only(graph: torch.fx.Graph) -> bool:
    """Whether no modules are called, but ATen's functions: as ``torch.export`` has it."""
    calls = {node.op for node in graph.nodes if node.target != "_guards_fn"}
    return "call_function" in calls and "call_module" not in calls


def _copy(module: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """The same tensors in modules of their own, and the graph once more: both will be changed."""
    graph = torch.fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    return torch.fx.GraphModule(module, graph)
