"""A flow shows itself in a notebook."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import sequent as seq
from tests.support import ROOT
from tests.visual.drawings import QUIET, nested, raw
from visual import draw


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pyproject.toml` says, also where the package is not installed from it."""
    point = EntryPoint("picture", "visual.notebook:bundle", "eventcore.notebook")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name=None: [point] if name else [])


@pytest.fixture
def undrawable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visual.graph.render.shutil.which", lambda _: None)
    monkeypatch.setattr("visual.graph.render.find_spec", lambda _: None)


def test_a_flow_and_a_raw_program_are_pictures() -> None:
    for program in (nested(), raw()):
        shown = program._repr_mimebundle_()
        assert shown.keys() == {"image/svg+xml"}
        assert "<svg" in shown["image/svg+xml"]


def test_after_its_run_a_flow_shows_how_that_went(tmp_path: Path) -> None:
    flow = nested(tmp_path / "run.db")
    assert "not reached" not in flow._repr_mimebundle_()["image/svg+xml"]
    flow.run(max_loops=1)
    assert "not reached" in flow._repr_mimebundle_()["image/svg+xml"]


@pytest.mark.usefixtures("undrawable")
def test_without_graphviz_it_is_mermaid_that_the_notebook_may_draw_and_dot_as_text() -> None:
    shown = nested()._repr_mimebundle_()
    assert shown == {"text/vnd.mermaid": draw(nested()).mermaid, "text/plain": draw(nested()).dot}


def test_a_flow_that_cannot_run_says_why_instead() -> None:
    flow = seq.Sequent("wrong", ":memory:", config=QUIET)
    one = flow.add_step("one")
    elsewhere = seq.Sequent("other", ":memory:", config=QUIET).add_step("stranger", require=((one, seq.STEP_SUCCESS),))
    flow.add_step("two", require=((elsewhere, seq.STEP_SUCCESS),))
    assert "cannot be drawn: " in flow._repr_mimebundle_()["text/plain"]


def test_with_nobody_to_draw_it_is_its_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name=None: [])
    flow = nested()
    assert flow._repr_mimebundle_() == {"text/plain": repr(flow)}


def test_a_program_that_is_not_shown_imports_nothing_that_draws() -> None:
    code = "import sys, sequent; sequent.Sequent('quiet', ':memory:'); print('visual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
