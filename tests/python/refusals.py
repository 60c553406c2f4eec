"""Checks of error messages."""

from collections.abc import Callable

import funcsim
import pytest
import torch


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


def assert_finds(call: Callable[[], object], device: torch.device, *words: str) -> None:
    """assert_says for what is wrong with values: said at once on the CPU, elsewhere when the device is waited for."""

    def wait() -> None:
        funcsim.synchronize(torch.empty(0, device=device))

    def call_and_wait() -> None:
        call()
        wait()

    assert_says(call_and_wait, *words)
    wait()  # it is said once
