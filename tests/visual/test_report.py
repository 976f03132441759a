"""The report: one file about a run, whatever the run's texts are, and small enough whatever its size."""

from __future__ import annotations

import base64
import html.parser
import json
import logging
import re
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import pytest

import eventcore as evr
import sequent as seq
import visual
from eventcore.errors import StoreError

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \u2028 {{data}} ]]> 漢"
NASTY_NAME = "<script>alert(3)<\\script> \"q\" 'q' & {{svg}}"


class Parsed(html.parser.HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])


def fail() -> NoReturn:
    logging.getLogger("report").warning("said %s", NASTY)
    raise ValueError(NASTY)


def twice() -> str:
    if evr.current().try_number == 1:
        raise ConnectionError("dropped")
    return "the answer"


def a_flow(folder: Path, **config: Any) -> seq.Sequent:
    settings = {"task_construct": "invoke", "console": False, "logdir": str(folder / "logs"), **config}
    return seq.Sequent("a flow", folder / "a.run.db", config={"stop_on_exception": False, **settings})


def parsed(store: Path, run_id: str | None = None) -> Parsed:
    return Parsed(visual.report(store, run_id))


def rows(data: Any, path: str) -> list[int]:
    """The tasks of a step that stand for no container."""
    step = [s["path"] for s in data["steps"]].index(path)
    return [row for row, at in enumerate(data["tasks"]["step"]) if at == step and not data["tasks"]["whole"][row]]


def test_tries_results_tracebacks_logs_and_items_are_in_it(tmp_path: Path) -> None:
    flow = a_flow(tmp_path)
    flow.add_step("twice", twice, config={"retries": 1})
    flow.add_step("fail", fail)
    flow.add_step("each", len, loop={"k": "item of k"}, args=("abc",))
    assert not flow.run()
    data = parsed(tmp_path / "a.run.db").data
    (tried,), (failed,), (each,) = rows(data, "twice"), rows(data, "fail"), rows(data, "each")
    assert [(row, tried_, status) for row, tried_, status, *_ in data["attempts"] if row == tried] == [
        (tried, 1, "failure"),
        (tried, 2, "success"),
    ]
    assert {row: text for row, text, _ in data["results"]} == {tried: "'the answer'", each: "3"}
    error, traceback = next(attempt[5:] for attempt in data["attempts"] if attempt[0] == failed)
    assert "]]> 漢" in data["texts"][error]
    assert "in fail" in data["texts"][traceback]
    assert [text for row, _, text, _ in data["logs"] if row == failed and NASTY in text]
    assert data["loops"] == [{"path": "each", "sequence": "1", "keys": ["k"], "items": ["'item of k'"]}]


def test_no_text_of_a_run_becomes_markup(tmp_path: Path) -> None:
    flow = a_flow(tmp_path)
    flow.add_step(NASTY_NAME, fail, loop=[NASTY])
    flow.add_step("result", lambda: NASTY)
    assert not flow.run(run_id=NASTY)
    page = parsed(tmp_path / "a.run.db")
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "embed", "base", "form", "link")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.data["run"]["id"] == NASTY
    assert page.data["steps"][0]["name"] == NASTY_NAME
    assert repr(NASTY) in [text for _, text, _ in page.data["results"]]


def test_its_policy_lets_its_own_script_and_style_work_and_nothing_else(tmp_path: Path) -> None:
    flow = a_flow(tmp_path)
    flow.add_step("one", print)
    flow.run()
    text, another = (visual.report(tmp_path / "a.run.db") for _ in range(2))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    (nonce,) = set(re.findall(r' nonce="([^"]*)"', text))
    assert f"style-src 'sha256-{digest}'; script-src 'nonce-{nonce}';" in policy
    assert nonce not in another
    assert policy.startswith("default-src 'none'")
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)


def test_without_graphviz_the_tree_of_steps_takes_the_graphs_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = a_flow(tmp_path)
    flow.add_step("one", print)
    flow.run()
    monkeypatch.setattr("visual.graph.render.shutil.which", lambda name: None)
    monkeypatch.setattr("visual.graph.render.find_spec", lambda name: None)
    page = parsed(tmp_path / "a.run.db")
    assert "svg" not in [tag for tag, _ in page.tags]
    assert "there is no Graphviz" in page.data["no_graph"]


def test_every_recovery_is_told_with_its_own_critical_path(tmp_path: Path) -> None:
    mended: list[bool] = []

    def sometimes() -> None:
        if not mended:
            raise RuntimeError("not yet")

    flow = a_flow(tmp_path)
    first = flow.add_step("first", print)
    second = flow.add_step("second", sometimes, require=((first, seq.STEP_SUCCESS),))
    flow.add_step("third", print, require=((second, seq.STEP_SUCCESS),))
    assert not flow.run()
    mended.append(True)
    assert flow.run(run_mode=seq.RUN_RECOVER)
    data = parsed(tmp_path / "a.run.db").data
    named = [[data["steps"][data["tasks"]["step"][row]]["path"] for row in r["critical"]] for r in data["recoveries"]]
    assert named == [["first", "second"], ["second", "third"]]
    assert [recovery["verdict"] for recovery in data["recoveries"]] == ["failure", "success"]


def test_it_says_how_to_go_on(tmp_path: Path) -> None:
    flow = a_flow(tmp_path)
    flow.add_step("fail", fail)
    flow.run(run_id="the run's")
    run = parsed(tmp_path / "a.run.db").data["run"]
    (command,) = run["commands"]
    assert run["advice"] == "fix the problem, then run"
    assert command.startswith("sequent recover ")
    assert """'the run'"'"'s'""" in command


def test_a_log_file_is_cut_to_its_end_and_what_is_no_file_is_let_be(tmp_path: Path) -> None:
    flow = a_flow(tmp_path)
    flow.add_step("a", lambda: print("x" * 100_000, "the end"))
    flow.add_step("b", fail)
    flow.run()
    (log,) = (tmp_path / "logs").rglob("b@1.1.log")
    log.unlink()
    log.mkdir()
    data = parsed(tmp_path / "a.run.db").data
    ((row, _, text, left_out),) = data["logs"]
    assert row == rows(data, "a")[0]
    assert text.endswith("the end\n")
    assert len(text) + left_out == 100_009


def test_a_raw_program_is_reported_too(tmp_path: Path) -> None:
    ev = evr.Eventor("raw", tmp_path / "raw.run.db", config={"task_construct": "invoke", "console": False})
    begin, done = ev.add_event("begin"), ev.add_event("done")
    ev.add_assoc(begin, ev.add_step("one", triggers={evr.STEP_SUCCESS: (done,)}))
    ev.add_assoc(done, ev.add_step("two"))
    ev.trigger_event(begin, 1)
    assert ev.run()
    page = parsed(tmp_path / "raw.run.db")
    assert [step["path"] for step in page.data["steps"]] == ["one", "two"]
    assert [len(recovery["critical"]) for recovery in page.data["recoveries"]] == [2]
    assert [a["data-step"] for _, a in page.tags if "data-step" in a] == ["one", "two"]


def test_a_node_of_the_picture_names_its_step_whatever_steps_are_called(tmp_path: Path) -> None:
    ev = evr.Eventor("raw", tmp_path / "raw.run.db", config={"task_construct": "invoke", "console": False})
    begin = ev.add_event("begin")
    for name in ("x", "step x", "#x", "x&lt;y", "x<y", "odd\x1b\n"):
        ev.add_assoc(begin, ev.add_step(name))
    ev.trigger_event(begin, 1)
    assert ev.run()
    page = parsed(tmp_path / "raw.run.db")
    assert [a["data-step"] for _, a in page.tags if "data-step" in a] == ["x", "step x", "#x", "x&lt;y", "x<y"]
    assert [a["data-state"] for _, a in page.tags if "data-state" in a] == ["success"] * 6


def test_a_store_or_run_that_is_not_there_is_an_expected_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        visual.report(tmp_path / "none.run.db")
    flow = a_flow(tmp_path)
    flow.add_step("one", print)
    flow.run()
    with pytest.raises(evr.EventcoreError, match="no run 'other'"):
        visual.report(tmp_path / "a.run.db", "other")


@pytest.mark.sqlite
def test_ten_thousand_tasks_make_a_file_of_reasonable_size(tmp_path: Path) -> None:
    def work(item: int) -> dict[str, Any]:
        if item % 100 == 0:
            raise ValueError(f"item {item} is broken")
        return {"item": item, "text": "x" * 100}

    flow = a_flow(tmp_path, durability="normal", logging_level="ERROR")
    each = flow.add_step("each", loop=range(10_000), concurrent=4)
    each.add_step("work", work, args=(each.item,))
    flow.run()
    text = visual.report(tmp_path / "a.run.db")
    assert len(text.encode()) < 10_000_000
    data = Parsed(text).data
    assert len(rows(data, "each/work")) == 10_000
    assert sum(status == "failure" for _, _, status, *_ in data["attempts"]) >= 100
    assert len(data["loops"][0]["items"]) == 10_000
