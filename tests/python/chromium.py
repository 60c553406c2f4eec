"""Pages in a real browser, without a network."""

import os
import pathlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# As Debian and others call it.
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str:
    """The browser's path; skips the test where there is none, unless FUNCSIM_REQUIRE_BROWSER is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    message = f"needs a browser: looked for {', '.join(NAMES)}"
    if os.environ.get("FUNCSIM_REQUIRE_BROWSER"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    # Root can't have a sandbox; the only pages are the tests' own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find(), args=arguments)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(started: Browser, path: pathlib.Path, **options: Any) -> Iterator[Page]:
    """The page of a file, which must load nothing else and say nothing in the console."""
    context = started.new_context(**{"offline": True, "viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((path.as_uri(), "data:", "blob:")) else complaints.append(request.url)
        ),
    )
    try:
        page.goto(path.as_uri())
        yield page
        assert complaints == []
    finally:
        context.close()
