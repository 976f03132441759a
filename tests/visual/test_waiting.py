"""What waits for answers, asks again or emits events, in pictures and in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import sequent as seq
from eventcore.record import identity
from eventcore.record.answering import answers
from eventcore.record.reading import reading
from sequent.cli.command import sequent as command
from tests.support import as_here, boom, flow
from tests.visual.test_reasoning import why
from visual import draw
from visual.reading import standings
from visual.report.build import report_data

NOW = 1  #: passes: until only an answer or time helps


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def emit(*values: object) -> None:
    for value in values:
        seq.current().emit("half", value)


def told(store: Path, path: str) -> list[tuple[str, str]]:
    (found,) = why(store, path)
    return [(reason.kind, reason.text) for reason in found.reasons]


def test_a_wait_and_an_event_are_drawn() -> None:
    program = flow()
    load = program.add_step("load", emit)
    program.add_step("preview", print, require=load.event("half"))
    program.add_step("both", print, require=(load.event("half"), (load, seq.STEP_SUCCESS)))
    program.add_wait("approved", require=((load, seq.STEP_SUCCESS),))
    graph = draw(program).graph
    assert {(edge.source, edge.target, edge.label) for edge in graph.edges} == {
        ("load", "preview", "event half"), ("load", "both", "event half"), ("load", "both", "success"),
        ("load", "approved", "success"),
    }  # fmt: skip
    assert {node.id: node.about for node in graph.root.nodes}["approved"] == ("waits for a signal",)
    kernel = draw(program, kernel=True).graph
    assert {node.id: node.about for node in kernel.root.nodes}["step approved"] == ("waits for a signal",)


def test_a_wait_says_how_to_answer_it_and_who_did(store: Path) -> None:
    program = flow(store)
    program.add_wait("approved", timeout=3600)
    program.run(NOW, run_id="one")
    (answer, delay, engine) = told(store, "approved")
    command = f"sequent signal {store} approved@1 --run-id one"
    assert answer == ("answer", f"it waits for a signal; give it with: {command}")
    assert (delay[0], delay[1].startswith("its time is up at ")) == ("delay", True)
    assert engine[0] == "engine"
    program.signal("approved")
    assert told(store, "approved")[0][1].endswith(", which no engine has seen yet")
    program.run()
    (ended, answer) = told(store, "approved")
    assert ended[1].startswith("it succeeded")
    assert answer[1].startswith("it was answered by ")


def test_the_report_says_which_steps_wait_and_who_answered(store: Path) -> None:
    program = flow(store)
    program.add_wait("approved")
    program.add_step("send", print)
    program.run(NOW)
    program.signal("approved")
    program.run()
    with reading(str(store)) as reader:
        data, _ = report_data(reader, reader.run(None, time.time()), time.time())
    assert {step["path"]: step["wait"] for step in data["steps"]} == {"approved": True, "send": False}
    ((row, by, at),) = data["answers"]
    assert data["steps"][data["tasks"]["step"][row]]["path"] == "approved"
    assert (by, at >= 0) == (f"{identity.user()}@{identity.host()}", True)


@pytest.mark.sqlite
def test_an_answer_that_no_engine_has_seen_yet_is_told(store: Path) -> None:
    program = flow(store)
    program.add_wait("approved")
    program.run(NOW)
    assert "waits for a signal" in status(store)
    program.signal("approved")
    shown = status(store)
    assert "waits for a signal" not in shown
    assert ", which no engine has seen yet" in shown
    program.run()
    assert "which no engine has seen yet" not in status(store)


def status(store: Path) -> str:
    return CliRunner().invoke(command, ["status", str(store)]).output


def test_a_deferred_step_waits_for_whoever_has_its_ticket(store: Path) -> None:
    program = flow(store)
    program.add_step("job", lambda: seq.current().defer())
    program.run(NOW)
    assert told(store, "job")[0] == (
        "answer", "its function has deferred its end; it waits for whoever has its ticket to complete it"
    )  # fmt: skip


def test_a_deferred_step_waits_on_when_its_engine_has_died(store: Path) -> None:
    code = "import os; from tests.visual.test_waiting import die_deferred; from pathlib import Path; import sys; "
    subprocess.run(
        [sys.executable, "-c", f"{code} die_deferred(Path(sys.argv[1]))", str(store)],
        check=False,
        env=as_here(),
    )
    with reading(str(store)) as reader:
        run = reader.run(None, time.time())
        found = {name: one.state for name, one in standings(reader, run).items()}
    assert (run.state, found) == ("interrupted", {"job": "active", "other": "interrupted"})


def die_deferred(store: Path) -> None:
    """Run until one step is deferred and the other is at work, and die."""
    program = flow(store, task_construct="process", max_concurrent=1)
    job = program.add_step("job", defer_it)
    program.add_step("other", die, args=(os.getpid(),), require=((job, seq.STEP_ACTIVE),))
    program.run()


def defer_it() -> None:
    seq.current().defer()


def die(engine: int) -> None:
    os.kill(engine, signal.SIGKILL)
    time.sleep(60)  # until it is killed, too


def test_a_poll_says_when_it_asks_again(store: Path) -> None:
    program = flow(store)
    program.add_step("ask", seq.poll(lambda: None, every=3600))
    program.run(NOW)
    kind, text = told(store, "ask")[0]
    assert (kind, text.startswith("what it asks for has not happened; asking again is due in ")) == ("retry", True)


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT-14"])
def test_what_waits_for_ages_is_told_of_like_the_rest(store: Path, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = flow(store, task_construct="thread")
    program.add_step("ask", seq.poll(lambda: None, every=1e300))
    program.add_step("job", lambda: seq.current().defer(1e300), config={"deadline": 1e200})
    program.add_wait("approved", timeout=1e300)
    program.run(NOW)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert {told(store, path)[0][0] for path in ("ask", "job", "approved")} == {"retry", "answer"}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_requires_an_event_is_told_whether_it_came(store: Path) -> None:
    program = flow(store)
    load, never = program.add_step("load", emit, args=(1,)), program.add_step("never", emit)
    program.add_step("preview", print, require=(load.event("half"), never.event("half")))
    program.run()
    assert told(store, "preview")[0] == (
        "requirement", "it requires never event half, but never@1 succeeded without emitting it"
    )  # fmt: skip


def test_an_answer_that_a_recovery_took_up_is_told_of(store: Path) -> None:
    program = flow(store)
    program.add_step("send", print, args=(program.add_wait("approved").result,))
    program.run(NOW)
    program.signal("approved")
    program.run(run_mode=seq.RunMode.recover)
    with reading(str(store)) as reader:
        run = reader.run(None, time.time())
        assert list(answers(reader.connection, run, reader.program(run))) == [("approved", "1")]


def test_one_that_waits_again_has_no_answer_yet(store: Path) -> None:
    program = flow(store)
    wait = program.add_wait("approved", recovery={seq.STEP_SUCCESS: seq.STEP_RERUN})
    program.add_step("send", boom, require=((wait, seq.STEP_SUCCESS),))
    program.run(NOW)
    program.signal("approved")
    assert not program.run()
    program.run(NOW, run_mode=seq.RunMode.recover)
    assert [kind for kind, _ in told(store, "approved")] == ["answer", "engine"]
    with reading(str(store)) as reader:
        assert report_data(reader, reader.run(None, time.time()), time.time())[0]["answers"] == []


def test_an_answer_that_a_recovery_took_up_is_told_with_its_instance(store: Path) -> None:
    program = flow(store)
    program.add_step("first", print)
    program.add_wait("approved")
    program.run(NOW)
    program.signal("approved", 5)
    program.rerun("first")
    assert program.results("approved") == {"1": 5}
    with reading(str(store)) as reader:
        view = reader.run(None, time.time())
        assert list(answers(reader.connection, view, reader.program(view))) == [("approved", "1")]


def test_what_a_deadline_around_it_has_ended_says_so(store: Path) -> None:
    program = flow(store)
    box = program.add_step("box", config={"deadline": 0.01})
    box.add_wait("approved")
    assert not program.run()
    (ended,) = told(store, "box/approved")
    assert ended[1].endswith(", because of box@1: deadline of 0.01 s passed")


def test_a_stream_among_what_is_inside_a_container_is_told_in_words(store: Path) -> None:
    said: list[tuple[str, str]] = []
    program = flow(store)
    each = program.add_step("each", loop=seq.stream(lambda: iter([1])))
    each.add_step("look", lambda: said.extend(told(store, "each")))
    assert program.run()
    assert said[0][1].endswith("inside it: what its items come from (ready), each/look@1.1 [1] (active)")
