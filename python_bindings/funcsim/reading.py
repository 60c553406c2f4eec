"""How networks are read: in canonical form by operators, or by hooks."""

from collections.abc import Mapping

from torch import nn

from .describe import read_items
from .evidence import NetworkReader, naming
from .feeding import Call
from .layer_choice import LayerChoice
from .module_reader import ModuleReader
from .running import unwrapped
from .settings import Settings

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
    models = {}
    for role, network in networks.items():
        if not isinstance(network, nn.Module):
            with naming(role):
                raise TypeError(f"expected a torch.nn.Module, got {type(network).__name__}")
        models[role] = unwrapped(network)
    reasons = {role: _why_not_canonical(model) for role, model in models.items()}
    if call is None and all(reason is None for reason in reasons.values()):
        return {
            role: NetworkReader(role, model, settings, with_shuffled=role in shuffled, choice=choice)
            for role, model in models.items()
            if isinstance(model, nn.Sequential)
        }
    return {
        role: ModuleReader(
            role,
            model,
            settings,
            with_shuffled=role in shuffled,
            choice=choice,
            call=call,
            notes=() if not (reason := reasons[role]) else (reason,),
        )
        for role, model in models.items()
    }


def _why_not_canonical(model: nn.Module) -> str | None:
    """Why a module can't be read in canonical form; empty where it goes without saying, None where it can."""
    if not isinstance(model, nn.Sequential):
        return ""
    try:
        read_items(model)
    except (TypeError, ValueError) as error:
        return f"a Sequential read by hooks, since {str(error).partition('. ')[0]}"
    return None
