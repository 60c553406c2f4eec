"""Checks of error messages."""

from collections.abc import Callable

import pytest


def message_of(call: Callable[[], object]) -> str:
    """The message of the RuntimeError that a call must raise."""
    with pytest.raises(RuntimeError) as error:
        call()
    return str(error.value)


def assert_says(call: Callable[[], object], *words: str) -> None:
    """Every word, or one of the words that a bar separates, is in the message."""
    message = message_of(call).lower()
    for word in words:
        assert any(choice.lower() in message for choice in word.split("|")), f"no {word!r} in: {message}"
