"""How networks are read: in canonical form by operators, or by hooks."""

from collections.abc import Mapping

from torch import nn

from ..describe import read_items
from ..settings import Settings
from .evidence import NetworkReader, naming
from .feeding import Call
from .layer_choice import LayerChoice
from .module_reader import ModuleReader
from .running import unwrapped

Readers = dict[str, NetworkReader] | dict[str, ModuleReader]


def make_readers(
    networks: Mapping[str, nn.Module],
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
        TypeError: Names what is no module.
    """
    reasons = {role: reads_by_hooks(role, network, call) for role, network in networks.items()}
    if all(reason is None for reason in reasons.values()):
        return {
            role: NetworkReader(role, model, settings, with_shuffled=role in shuffled, choice=choice)
            for role, network in networks.items()
            if isinstance(model := unwrapped(network), nn.Sequential)
        }
    return {
        role: ModuleReader(
            role,
            network,
            settings,
            with_shuffled=role in shuffled,
            choice=choice,
            call=call,
            notes=(reason,) if (reason := reasons[role]) else (),
        )
        for role, network in networks.items()
    }


def reads_by_hooks(role: str, network: nn.Module, call: Call | None) -> str | None:
    """Why a network on its own is read by hooks; empty where that goes without saying, None where it isn't.

    Raises:
        TypeError: It is no module.
    """
    if not isinstance(network, nn.Module):
        with naming(role):
            raise TypeError(f"expected a torch.nn.Module, got {type(network).__name__}")
    model = unwrapped(network)
    if call is not None or not isinstance(model, nn.Sequential):
        return ""
    try:
        read_items(model)
    except (TypeError, ValueError) as error:
        return f"a Sequential read by hooks, since {str(error).partition('. ')[0]}"
    return None
