"""The pictures of docs/reading-scores.md: one command makes them all, and they are read on a page of any colour."""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
PAGE = ROOT / "docs" / "reading-scores.md"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("pictures")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, FOLDER / "make.py", "--output", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return folder


def names(folder: pathlib.Path) -> set[str]:
    return {file.name for file in folder.glob("*.svg")}


def words(file: pathlib.Path) -> list[str]:
    """What is written in a picture, without numbers, whose values differ a little from machine to machine."""
    texts = [re.sub(r"[-−]?\d[\d.]*", "#", "".join(text.itertext())) for text in ET.parse(file).iter(f"{SVG}text")]
    return sorted({text for text in texts if re.search(r"[a-z]{2}", text)})


def test_the_page_shows_what_is_made(made: pathlib.Path) -> None:
    shown = re.findall(r"^!\[[^\]]{40,}\]\(pictures/(\S+)\)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) == len(set(shown))
    assert set(shown) == names(made) == names(FOLDER)


def test_what_is_kept_is_what_is_made(made: pathlib.Path) -> None:
    for name in names(FOLDER):
        assert words(FOLDER / name) == words(made / name), name


def test_pictures_bring_their_background() -> None:
    """White and as large as the picture: dark ink would be lost on a dark page."""
    for name in names(FOLDER):
        picture = ET.parse(FOLDER / name).getroot()
        width, height = picture.attrib["viewBox"].split()[2:]
        background = picture.find(f".//{SVG}g[@id='patch_1']/{SVG}path")
        assert background is not None
        assert "fill: #ffffff" in background.attrib["style"], name
        assert "opacity" not in background.attrib["style"], name
        assert {width, height} <= set(re.findall(r"[\d.]+", background.attrib["d"])), name
