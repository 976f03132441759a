"""From graphs to files: formats, and what happens on machines that cannot draw."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.visual.drawings import fan, nested
from visual import PictureError, draw

BARE = "import sys; sys.modules['pygraphviz'] = None; from sequent.cli import main; main()"
STARTS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "mmd": b"---\n", "mermaid": b"---\n"}


@pytest.mark.parametrize("ending", STARTS)
def test_a_picture_is_saved_in_the_format_of_its_ending(ending: str, tmp_path: Path) -> None:
    file = draw(nested()).save(tmp_path / f"picture.{ending}")
    assert file.read_bytes().startswith(STARTS[ending])


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_pictures_appear_without_dot(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visual.graph.render.shutil.which", lambda _: None)
    assert draw(nested()).render(format).startswith(STARTS[format])


def test_an_unfolded_graph_of_300_steps_renders() -> None:
    assert draw(fan(298), unfold=True).render("svg").startswith(b"<?xml")


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="svg, png, pdf"):
        draw(nested()).save(tmp_path / "picture.bmp")


def test_without_graphviz_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visual.graph.render.shutil.which", lambda _: None)
    monkeypatch.setattr("visual.graph.render.find_spec", lambda _: None)
    with pytest.raises(PictureError, match=r"install.*graphviz.*\.dot"):
        draw(nested()).render()


def test_a_layout_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visual.graph.render._command", lambda _: ["sleep", "60"])
    monkeypatch.setattr("visual.graph.render.TIME_LIMIT", 0.1)
    with pytest.raises(PictureError, match="took more than"):
        draw(nested()).render()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text("import sequent as seq\nflow = seq.Sequent()\nflow.add_step('only', print)\n")
    return tmp_path


def graph(folder: Path, *arguments: str, program: str = "from sequent.cli import main; main()"):  # type: ignore[no-untyped-def]
    command = [sys.executable, "-c", program, "graph", "flow.py", *arguments]
    environment = os.environ | {"PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_shell_prints_dot_or_mermaid_and_writes_files(folder: Path) -> None:
    assert graph(folder).stdout.startswith("digraph")
    assert "flowchart TB" in graph(folder, "-f", "mermaid").stdout
    assert "#begin" in graph(folder, "--kernel").stdout
    done = graph(folder, "-o", "picture.png")
    assert (done.returncode, done.stdout) == (0, "wrote picture.png\n")
    assert (folder / "picture.png").read_bytes().startswith(STARTS["png"])


def test_where_nothing_can_draw_the_text_is_written_and_one_line_says_so(folder: Path) -> None:
    done = graph(folder, "-o", "picture.svg", program=BARE)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    told = "sequent: picture.svg could not be drawn, so its text is in picture.dot and picture.mmd: "
    assert done.stderr.startswith(told)
    assert "package graphviz" in done.stderr
    assert (folder / "picture.dot").read_text().startswith("digraph")
    assert "flowchart" in (folder / "picture.mmd").read_text()
    assert not (folder / "picture.svg").exists()


def test_an_unknown_ending_is_refused_and_nothing_is_written(folder: Path) -> None:
    done = graph(folder, "-o", "picture.bmp", program=BARE)
    assert done.returncode == 2
    assert "svg, png, pdf, dot, mermaid" in done.stderr
    assert [file.name for file in folder.glob("picture.*")] == []
