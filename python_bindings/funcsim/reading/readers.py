"""How networks are read: in canonical form by operators, or by hooks."""

from collections.abc import Mapping

from torch import nn

from ..describe import read_items
from ..settings import Settings
from .evidence import NetworkReader, naming
from .feeding import Call
from .graphs.conversion import Model, as_module
from .layer_choice import LayerChoice
from .module_reader import ModuleReader
from .running import unwrapped

Readers = dict[str, NetworkReader] | dict[str, ModuleReader]


def make_readers(
    networks: Mapping[str, Model],
    settings: Settings,
    *,
    choice: LayerChoice,
    call: Call | None,
    shuffled: tuple[str, ...],
) -> Readers:
    """Readers of networks that are compared with each other.

    All are read in canonical form where each is a Sequential that :func:`describe` can read and ``call`` is None, and
    by hooks otherwise: margins would be in different units.

    Args:
        networks: By role.
        settings: What decides the bits.
        choice: Which hidden layers are wanted.
        call: Runs a module on a batch.
        shuffled: Roles of the networks whose evidence must have what the chance level needs.

    Raises:
        TypeError, ValueError: As :func:`readable`.
    """
    modules = {role: readable(role, network) for role, network in networks.items()}
    reasons = {role: reads_by_hooks(module, call) for role, module in modules.items()}
    if all(reason is None for reason in reasons.values()):
        return {
            role: NetworkReader(role, module, settings, with_shuffled=role in shuffled, choice=choice)
            for role, module in modules.items()
            if isinstance(module, nn.Sequential)
        }
    return {
        role: ModuleReader(
            role,
            module,
            settings,
            with_shuffled=role in shuffled,
            choice=choice,
            call=call,
            notes=(reason,) if (reason := reasons[role]) else (),
        )
        for role, module in modules.items()
    }


def readable(role: str, network: Model) -> nn.Module:
    """The module to read for a network: without wrappers, and made of modules where it is a graph of functions.

    Raises:
        TypeError: It is no module.
        ValueError: Its graph can't be read.
    """
    with naming(role):
        module = as_module(unwrapped(network))
        if not isinstance(module, nn.Module):
            raise TypeError(f"expected a torch.nn.Module, got {type(module).__name__}")
    return module


def reads_by_hooks(module: nn.Module, call: Call | None) -> str | None:
    """Why a module on its own is read by hooks; empty where that goes without saying, None where it isn't."""
    if call is not None or not isinstance(module, nn.Sequential):
        return ""
    try:
        read_items(module)
    except (TypeError, ValueError) as error:
        return f"a Sequential read by hooks, since {str(error).partition('. ')[0]}"
    return None
