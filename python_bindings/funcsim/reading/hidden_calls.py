"""The hidden layers of a module: found by running it on two and on three inputs."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .batches import named_tensors, num_inputs, take_inputs
from .feeding import Call, run_on
from .layer_choice import LayerChoice
from .layouts import Layout, find_layout
from .module_calls import AffineCall, CallFinder, Key, hooked, is_affine, module_names, plain_name, unit_axis

MOST_NAMES = 6  # that a note lists


@dataclass(frozen=True, eq=False)
class HiddenCall:
    """A hidden layer: one call of an affine module.

    Attributes:
        module: The affine module.
        name: Its name, and "#2" and so on from its second call on.
        key: Which call of which module that is.
        source: The call whose output is the pre-activation.
        layout: Where the inputs are in it.
        grid: Sizes of the grid of positions of the first inputs.
        bytes_per_input: Of the pre-activations.
    """

    module: nn.Module
    name: str
    key: Key
    source: Key
    layout: Layout
    grid: tuple[int, ...]
    bytes_per_input: int


@dataclass(frozen=True, eq=False)
class Found:
    """What running a module shows.

    Attributes:
        layers: The hidden layers that are wanted, in order.
        modules: The affine modules of all hidden layers, in order, each once.
        bytes_per_input: Of the largest pre-activations of all hidden layers.
        notes: What the module's user should know.
    """

    layers: list[HiddenCall]
    modules: list[nn.Module]
    bytes_per_input: int
    notes: list[str]


def find_hidden_calls(model: nn.Module, batch: Any, call: Call | None, choice: LayerChoice) -> Found:
    """Runs a module and finds its hidden layers.

    Args:
        model: The module, in eval mode.
        batch: At least one input.
        call: How to run it, if not in the usual way.
        choice: Which layers are wanted.

    Raises:
        ValueError: There is no hidden layer; the module runs other layers for other numbers of inputs.
    """
    if not any(is_affine(module) for module in model.modules()):
        raise _no_hidden_layer(model, [])
    count = num_inputs(batch)
    two, three = (_calls(model, take_inputs(batch, [i % count for i in range(size)]), call) for size in (2, 3))
    two, three = _same_calls(two, three, choice)
    if len(two) < 2:
        raise _no_hidden_layer(model, [one.name for one in two])
    hidden, adrift, coupled = [], [], []
    for one, other in zip(two[:-1], three[:-1], strict=True):
        found = _hidden_call(one, other)
        if found is None:
            adrift.append(one.name)
            continue
        hidden.append(found[0])
        if found[1]:
            coupled.append(one.name)
    if not hidden:
        path, tensor = next((path, tensor) for path, tensor in named_tensors(batch) if tensor.dim() > 0)
        rows = f"which are the rows of its first tensor{f' {path!r}' if path else ''}, {list(tensor.shape)}"
        raise ValueError(f"no affine layer gives numbers for each input of a batch, {rows}; what ran: {listed(adrift)}")
    wanted = [hidden[place] for place in choice.places([layer.name for layer in hidden])]
    coupled = [layer.name for layer in wanted if layer.name in coupled]
    notes = _notes_on_calls(model, two)
    if adrift:
        notes.append(f"left out, since they don't give real numbers for each input: {listed(adrift)}")
    if coupled:
        notes.append(f"scores depend on which inputs share a batch, since so does what these give: {listed(coupled)}")
    modules = list(dict.fromkeys(one.module for one in two[:-1]))
    return Found(wanted, modules, max(layer.bytes_per_input for layer in hidden), notes)


def _same_calls(
    two: list[AffineCall], three: list[AffineCall], choice: LayerChoice
) -> tuple[list[AffineCall], list[AffineCall]]:
    """The calls of both runs, without those that only one of them has and that aren't wanted.

    Raises:
        ValueError: There are other differences.
    """
    odd = {(call.key, call.source) for call in two} ^ {(call.key, call.source) for call in three}
    unwanted = {call.name for call in (*two, *three) if (call.key, call.source) in odd and choice.excludes(call.name)}
    two, three = ([call for call in calls if call.name not in unwanted] for calls in (two, three))
    if [(one.key, one.source) for one in two] != [(other.key, other.source) for other in three]:
        names = [*dict.fromkeys(call.name for call in (*two, *three) if (call.key, call.source) in odd)]
        which = f" ({listed(names)}), which exclude= leaves out" if names else " or in another order"
        raise ValueError(f"layers can't be told apart, since for 3 inputs others run than for 2{which}")
    return two, three


def _calls(model: nn.Module, batch: Any, call: Call | None) -> list[AffineCall]:
    finder = CallFinder()
    with hooked(model, finder.see):
        run_on(model, batch, call)
    return finder.calls


def _hidden_call(two: AffineCall, three: AffineCall) -> tuple[HiddenCall, bool] | None:
    """The layer, and whether it is coupled; None where its pre-activations belong to no input."""
    outputs = two.output, three.output
    if not all(isinstance(output, Tensor) and output.is_floating_point() and output.dim() > 1 for output in outputs):
        return None
    axis = unit_axis(two.module, two.output.dim())
    found = find_layout(two.output, three.output, axis)
    if found is None:
        return None
    by_input = found.layout.by_input(two.output, axis, 2)
    assert by_input is not None
    grid = tuple(by_input.shape[1:-1])
    size = by_input[0].numel() * by_input.element_size()
    return HiddenCall(two.module, two.name, two.key, two.source, found.layout, grid, size), found.is_coupled


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _notes_on_calls(model: nn.Module, calls: Sequence[AffineCall]) -> list[str]:
    """On modules that run several times, share tensors or don't run."""
    times = Counter(name for name, _ in (call.key for call in calls))
    names = module_names(model)
    notes = []
    if repeated := [f"{name} ({count} times)" for name, count in times.items() if count > 1]:
        notes.append(f"each call of these is a layer of its own: {listed(repeated)}")
    if tied := _tied(model, names, times):
        notes.append(f"tied: {listed(tied)}")
    attentions = [module for module in names if isinstance(module, nn.MultiheadAttention)]
    if attentions:
        notes.append(
            f"not seen, since MultiheadAttention projects by functions: the projections of "
            f"{listed([names[module] for module in attentions])}"
        )
    if scripts := _scripts(names):
        notes.append(f"not seen, since they are TorchScript within another module: {listed(scripts)}")
    inside = {module for attention in attentions for module in attention.modules()}
    idle = [name for module, name in names.items() if is_affine(module) and name not in times and module not in inside]
    if idle:
        notes.append(f"not seen, since they did not run as modules: {listed(idle)}")
    return notes


def _scripts(names: dict[nn.Module, str]) -> list[str]:
    """TorchScript modules within others, without those within TorchScript."""
    found: list[str] = []
    for module, name in names.items():
        if isinstance(module, torch.jit.ScriptModule) and not name.startswith(tuple(f"{other}." for other in found)):
            found.append(name)
    return found


def _tied(model: nn.Module, names: dict[nn.Module, str], ran: Counter[str]) -> list[str]:
    """Affine modules that ran and have further names, or tensors in common with other modules."""
    aliases = {
        f"{name} is {names[module]}"
        for name, module in model.named_modules(remove_duplicate=False)
        if is_affine(module) and names[module] in ran and plain_name(name) != names[module]
    }
    owners: dict[torch.Tensor, list[str]] = {}
    for module, name in names.items():
        for own, parameter in module.named_parameters(recurse=False):
            owners.setdefault(parameter, []).append(f"{name}.{own}" if name else own)
    affine = {name for module, name in names.items() if is_affine(module) and name in ran}
    shared = [
        " = ".join(places)
        for places in owners.values()
        if len(places) > 1 and any(place.rpartition(".")[0] in affine for place in places)
    ]
    return [*sorted(aliases), *shared]


def _no_hidden_layer(model: nn.Module, ran: Sequence[str]) -> ValueError:
    """Says why a module has no hidden layer.

    Args:
        model: The module.
        ran: Names of the affine modules that ran.
    """
    hint = ""
    names = module_names(model)
    if any(type(module).__module__.startswith("torch.ao.nn.") for module in names):
        hint = "; of quantised layers only dynamic Linear ones are seen: give the network before that step"
    elif idle := [name for module, name in names.items() if is_affine(module) and name not in ran]:
        hint = f"; these did not run as modules: {listed(idle)}"
    named = listed([name for name in ran if name])  # the module itself has none
    return ValueError(
        f"the module has no hidden layer: that takes two affine layers (Linear, Conv, ConvTranspose) that run as "
        f"modules, got {len(ran)}{f' ({named})' if named else ''}{hint}"
    )


def run_size(bytes_per_input: int, device: torch.device | None) -> int:
    """Inputs that a module is run on at a time: a power of two from 8 to 1024, whichever layers are wanted."""
    most_bytes = (1 << 25) if device is None or device.type == "cpu" else (1 << 28)
    return 1 << min(10, max(3, int(math.log2(max(1, most_bytes // max(1, bytes_per_input))))))
