"""How a module is called with a batch."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from torch import Tensor, nn

from .inputs import model_input

Call = Callable[[nn.Module, Any], Any]

# Masks of tokens in batches: whether a mask's ones are tokens, or padding.
TOKENS_ARE_ONES = {"attention_mask": True, "src_key_padding_mask": False, "key_padding_mask": False}


def checked_call(call: Any) -> Call | None:
    """The option that runs a module on a batch.

    Raises:
        TypeError: It is no function.
    """
    if call is not None and not callable(call):
        raise TypeError(f"call must be a function of a model and a batch, got {call!r}")
    checked: Call | None = call
    return checked


def run_on(model: nn.Module, batch: Any, call: Call | None) -> Any:
    """Runs a module on a batch, and returns what it gives.

    A tensor is its first argument. Of a mapping the entries whose keys the forward() takes are its keyword arguments;
    where these leave out what it must have, what :func:`model_input` finds is its first argument.

    Args:
        model: The module.
        batch: A tensor or a mapping, or with ``call`` anything.
        call: Runs it in another way.

    Raises:
        ValueError: It can't be told how to call the module; says what it takes.
    """
    if call is not None:
        return call(model, batch)
    if isinstance(batch, Mapping):
        arguments, keywords = _arguments(model, batch)
        return model(*arguments, **keywords)
    try:
        return model(batch)
    except TypeError as error:
        # Asked afterwards, since hooks may give it what is missing.
        signature = inspect.signature(model.forward)
        if _fits(signature, (batch,), {}):
            raise
        raise _no_call("a batch is a tensor", model, signature) from error


def _arguments(model: nn.Module, batch: Mapping[Any, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    signature = inspect.signature(model.forward)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    keywords = {key: value for key, value in batch.items() if kinds.get(key) in named}
    if not keywords and inspect.Parameter.VAR_KEYWORD in kinds.values():
        keywords = {key: value for key, value in batch.items() if isinstance(key, str)}
    if keywords and _fits(signature, (), keywords):
        return (), keywords
    first: tuple[Any, ...] = ()
    with suppress(ValueError):
        first = (model_input(batch, "a batch"),)
    keywords = {key: value for key, value in keywords.items() if not (first and value is first[0])}
    if first and _fits(signature, first, keywords):
        return first, keywords
    raise _no_call(f"a batch has the keys {', '.join(map(repr, batch))}", model, signature)


def _no_call(what: str, model: nn.Module, signature: inspect.Signature) -> ValueError:
    """Says that it can't be told how to call a module with what came."""
    return ValueError(
        f"{what}, and {type(model).__name__}.forward takes {signature}: it can't be told how to call it. Give batches "
        f"as mappings of these names, or call=, for example call=lambda model, batch: model(*batch)"
    )


def _fits(signature: inspect.Signature, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    try:
        signature.bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def token_mask(batch: Any) -> Tensor | None:
    """Which tokens of a batch aren't padding: bool ``[inputs, tokens]``, or None where it has no such mask.

    That is "attention_mask", whose ones are tokens; or "src_key_padding_mask" or "key_padding_mask", which mark padding
    by True, or by numbers below 0 that are added to the attention.
    """
    if not isinstance(batch, Mapping):
        return None
    for key, ones in TOKENS_ARE_ONES.items():
        mask = batch.get(key)
        if isinstance(mask, Tensor) and mask.dim() == 2:
            if ones:
                return mask > 0
            return mask >= 0 if mask.is_floating_point() else mask == 0
    return None
