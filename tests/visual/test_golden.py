"""The text of pictures, letter by letter; `python -m tests.visual.test_golden` writes the files anew."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from eventcore.define.stored import read
from eventcore.record.tallies import LoopTally
from tests.visual import drawings
from visual import Picture, draw
from visual.graph.layout import graph_of
from visual.standing import Standing

GOLDEN = Path(__file__).parent / "golden"


def run() -> Picture:
    """A run with all that a picture can say of one."""
    known = {
        "outer": Standing("success", {"success": 1}, 1.5, progress=LoopTally(1, 2, 2, 2, 0, 0)),
        "outer/a": Standing("success", {"success": 1, "skipped": 1}, 0.25, tries=3),
        "outer/b": Standing("active", {"active": 1, "failure": 1}, None),
        "bad": Standing("failure", {"failure": 1}, 65.0, tries=2, is_handled=True),
    }
    program = read(drawings.nested().document)
    return Picture(graph_of(program, "nested, run r1: running", known, Standing("waiting", {}, None)))


PICTURES: dict[str, Callable[[], Picture]] = {
    "flow": lambda: draw(drawings.nested()),
    "run": run,
    "raw": lambda: draw(drawings.raw()),
    "kernel": lambda: draw(drawings.looped(), kernel=True),
    "names": lambda: draw(drawings.nasty()),
    "folded": lambda: draw(drawings.fan(100)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_dot_text(name: str) -> None:
    assert PICTURES[name]().dot == (GOLDEN / f"{name}.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_mermaid_text(name: str) -> None:
    assert PICTURES[name]().mermaid == (GOLDEN / f"{name}.mmd").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_every_step_is_in_the_svg_by_its_id_and_says_its_name(name: str) -> None:
    picture = PICTURES[name]()
    root = ElementTree.fromstring(picture.render("svg"))
    found = {
        group.get("id"): ["".join(text.itertext()) for text in group.iter("{http://www.w3.org/2000/svg}text")]
        for group in root.iter("{http://www.w3.org/2000/svg}g")
    }
    for item in picture.graph.root.members:
        assert " ".join(item.name.split()) in [" ".join(text.split()) for text in found[item.id]]


if __name__ == "__main__":
    for file, picture in PICTURES.items():
        (GOLDEN / f"{file}.dot").write_text(picture().dot, encoding="utf-8")
        (GOLDEN / f"{file}.mmd").write_text(picture().mermaid, encoding="utf-8")
