"""Deferred tasks: active without a worker, until whoever has the ticket completes them, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import eventcore as evr
import sequent as seq
from eventcore.act.virtual_clock import VirtualClock
from eventcore.define.ticket import Ticket, new_secret, read_ticket
from eventcore.errors import TicketError
from tests.support import flow, rows

NOW, LATER = 1, -1  #: passes: until only an answer or time helps; until everything is over


def defer(tickets: Path, timeout: float | None = None) -> str:
    """Hand the ticket to whoever reads the file."""
    ticket = evr.current().defer(timeout)
    with tickets.open("a") as file:
        file.write(f"{ticket}\n")
    return "what is returned here counts for nothing"


def taken(value: object) -> object:
    return value


def deferring(folder: Path, timeout: float | None = None, **config: Any) -> seq.Sequent:
    """A step that defers its end, and one that takes its result."""
    program = flow(folder / "run.db", **config)
    job = program.add_step("job", defer, args=(folder / "tickets", timeout))
    program.add_step("after", taken, args=(job.result,))
    return program


def tickets(folder: Path) -> list[str]:
    return (folder / "tickets").read_text().split()


@pytest.mark.parametrize("construct", ["process", "thread", "invoke", "async"])
def test_a_completion_ends_the_step_with_its_value(construct: str, tmp_path: Path) -> None:
    program = deferring(tmp_path, task_construct=construct)
    assert program.run(NOW)
    assert program.verdict is evr.Verdict.pending
    (ticket,) = tickets(tmp_path)
    assert evr.complete(ticket, {"rows": 117}).status is evr.RequestStatus.taken
    assert program.run(LATER)
    assert program.result("after") == {"rows": 117}
    assert [task.tries for task in program.tasks("job")] == [1]


def test_a_completion_comes_while_the_engine_waits(tmp_path: Path) -> None:
    program = deferring(tmp_path, task_construct="process")
    engine = threading.Thread(target=program.run)
    engine.start()
    while not (tmp_path / "tickets").exists() or not tickets(tmp_path):
        engine.join(0.01)
    answer = evr.complete(tickets(tmp_path)[0], "done")
    engine.join()
    assert answer.is_done
    assert program.result("after") == "done"


def test_an_error_fails_the_try_and_the_next_try_gets_another_ticket(tmp_path: Path) -> None:
    program = deferring(tmp_path, retries=1)
    program.run(NOW)
    evr.complete(tickets(tmp_path)[0], error="the job was lost")
    program.run(NOW)
    first, second = tickets(tmp_path)
    assert (read_ticket(first).try_number, read_ticket(second).try_number) == (1, 2)
    assert evr.complete(first, 1).is_refused
    evr.complete(second, error="again")
    assert not program.run(LATER)
    (task,) = program.tasks("job")
    assert (task.status, task.tries, task.error) == (evr.TaskStatus.failure, 2, "again")


def test_a_second_a_late_and_a_forged_completion_are_refused_with_a_reason(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.run(NOW)
    (ticket,) = tickets(tmp_path)
    forged = read_ticket(ticket)
    for wrong, said in (
        (replace(forged, secret="guessed"), "not the ticket of that try"),
        (replace(forged, path="after"), "one of its tickets"),
        (replace(forged, try_number=2), "has ended"),
        (replace(forged, recovery=1), "one of its tickets"),
    ):
        answer = evr.complete(wrong.written())
        assert answer.is_refused
        assert said in str(answer.reason)
    assert evr.complete(ticket, 1).reason == "the engine that continues the run will see it"
    assert "answered already" in str(evr.complete(ticket, 2).reason)
    program.run(LATER)
    assert "has ended" in str(evr.complete(ticket, 3).reason)
    assert program.result("after") == 1
    with pytest.raises(evr.EventcoreError, match="not a ticket"):
        evr.complete("rubbish")


@pytest.mark.parametrize(
    "said",
    [{"path": "\ud800"}, {"sequence": "\0"}, {"run_id": "a\0"}, {"store": "\0"}, {"recovery": 10**30},
     {"try_number": -1}],
)  # fmt: skip
def test_a_ticket_that_no_store_could_hold_is_none(said: dict[str, Any], tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.run(NOW)
    wrong = replace(read_ticket(tickets(tmp_path)[0]), **said).written()
    with pytest.raises(TicketError, match="not a ticket"):
        evr.complete(wrong)


def test_a_ticket_of_a_step_deep_inside_with_long_names_is_one(tmp_path: Path) -> None:
    said = Ticket(str(tmp_path), "run", "/".join(["Schritt-" + 60 * "ü"] * 25), "1.2", 0, 1, new_secret())
    assert read_ticket(said.written()) == said


@pytest.mark.sqlite
def test_the_store_keeps_no_secret(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.run(NOW)
    (ticket,) = tickets(tmp_path)
    evr.complete(ticket, 1)
    kept = (tmp_path / "run.db").read_bytes()
    assert ticket.encode() not in kept
    assert read_ticket(ticket).secret.encode() not in kept


def test_the_time_for_an_answer_is_up(tmp_path: Path) -> None:
    program = deferring(tmp_path, timeout=3600.0)
    program.use_clock(VirtualClock())
    assert not program.run()
    (task,) = program.tasks("job")
    assert (task.error, task.seconds) == ("timed out: nobody completed it in time", 3600.0)
    assert evr.complete(tickets(tmp_path)[0]).is_refused


def test_an_answer_in_time_counts_although_no_engine_was_there_in_time(tmp_path: Path) -> None:
    clock = VirtualClock()
    program = deferring(tmp_path, timeout=3600.0)
    program.use_clock(clock)
    program.run(NOW)
    assert evr.complete(tickets(tmp_path)[0], "in time").status is evr.RequestStatus.taken
    clock.advance(7200)
    assert program.run(LATER)
    assert program.result("after") == "in time"


def test_an_answer_that_comes_too_late_while_no_engine_is_there_is_refused(tmp_path: Path) -> None:
    program = deferring(tmp_path, timeout=0.001)
    program.use_clock(VirtualClock(1.0))  # long ago
    program.run(NOW)
    assert evr.complete(tickets(tmp_path)[0]).reason == "its time was up before this came"


def test_recovery_runs_the_step_again_and_its_ticket_is_dead(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.children["job"]._recovery = {seq.STEP_ACTIVE: seq.STEP_SKIP}  # nothing of it is done
    program.run(NOW)
    program.run(NOW, run_mode=evr.RUN_RECOVER)
    first, second = tickets(tmp_path)
    assert "another ticket" in str(evr.complete(first, 1).reason)
    evr.complete(second, 2)
    program.run(LATER)
    assert program.result("after") == 2


def test_an_answer_that_came_without_an_engine_counts_for_a_recovery_too(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.run(NOW)
    evr.complete(tickets(tmp_path)[0], [1])
    assert program.run(run_mode=evr.RUN_RECOVER)
    assert program.result("after") == [1]
    assert [task.status for task in program.tasks("job")] == [evr.TaskStatus.skipped]
    assert rows(tmp_path / "run.db", "SELECT status FROM eventcore_requests") == [("done",)]


def test_after_an_error_that_came_without_an_engine_a_recovery_runs_the_step_again(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.run(NOW)
    evr.complete(tickets(tmp_path)[0], error="lost")
    program.run(NOW, run_mode=evr.RUN_RECOVER)
    assert len(tickets(tmp_path)) == 2
    assert rows(tmp_path / "run.db", "SELECT status FROM eventcore_requests") == [("refused",)]


def test_a_changed_program_may_make_a_wait_of_a_deferred_step_and_the_other_way_round(tmp_path: Path) -> None:
    deferring(tmp_path).run(NOW, run_id="one")
    waiting = flow(tmp_path / "run.db")
    waiting.add_step("after", taken, args=(waiting.add_wait("job").result,))
    waiting.run(NOW, run_mode=evr.RUN_CONTINUE, run_id="one")
    assert "another ticket" not in str(evr.complete(tickets(tmp_path)[0]).reason)
    assert waiting.tasks("job")[0].status is evr.TaskStatus.active
    again = deferring(tmp_path)
    again.run(NOW, run_mode=evr.RUN_CONTINUE, run_id="one")
    evr.complete(tickets(tmp_path)[1], "done")
    assert again.run(run_mode=evr.RUN_CONTINUE, run_id="one")
    assert again.result("after") == "done"


def many(folder: str, number: int) -> None:
    path = Path(folder) / f"{number}.ticket"
    path.write_text(evr.current().defer())


def test_a_deferred_step_frees_its_slot_and_keeps_its_units(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db", max_concurrent=1)
    pool = seq.ResourcePool("licences", 2)
    days = program.add_step("days", loop=range(3), concurrent=3)
    days.add_step("job", many, args=(str(tmp_path), days.item), acquires=[(pool, 1)])
    program.run(NOW)
    assert sorted(path.name for path in tmp_path.glob("*.ticket")) == ["0.ticket", "1.ticket"]
    evr.complete((tmp_path / "0.ticket").read_text())
    program.run(NOW)
    assert (tmp_path / "2.ticket").exists()


def test_cancelling_a_deferred_step_ends_it_at_once(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    engine = threading.Thread(target=program.run)
    engine.start()
    while program._session is None or not rows_of_tickets(tmp_path):
        engine.join(0.01)
    assert program.cancel("job").is_done
    engine.join()
    assert [task.status for task in program.tasks("job")] == [evr.TaskStatus.cancelled]
    assert evr.complete(tickets(tmp_path)[0]).is_refused


def rows_of_tickets(folder: Path) -> list[tuple[Any, ...]]:
    if not (folder / "tickets").exists():
        return []
    return rows(folder / "run.db", "SELECT 1 FROM {tasks} WHERE ticket IS NOT NULL")


def test_cancelling_a_run_without_an_engine_cancels_its_deferred_steps(tmp_path: Path) -> None:
    program = deferring(tmp_path)
    program.run(NOW)
    assert program.cancel().is_done
    assert [task.status for task in program.tasks("job")] == [evr.TaskStatus.cancelled]
    assert "has ended" in str(evr.complete(tickets(tmp_path)[0]).reason)


def early(folder: str, complete: Callable[[str], None]) -> None:
    ticket = evr.current().defer()
    Path(folder, "tickets").write_text(ticket)
    while not Path(folder, "asked").exists():
        threading.Event().wait(0.01)


def test_a_ticket_may_be_used_before_its_function_has_returned(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db", task_construct="process")
    program.add_step("job", early, args=(str(tmp_path), None))
    engine = threading.Thread(target=program.run)
    engine.start()
    while not (tmp_path / "tickets").exists() or not tickets(tmp_path):
        engine.join(0.01)
    answer = evr.steer(tmp_path / "run.db", patience=0).complete(tickets(tmp_path)[0], "early")
    assert not answer.is_refused
    (tmp_path / "asked").touch()
    engine.join()
    assert program.result("job") == "early"


def fails_after_all() -> None:
    Path(evr.current().defer()).name  # noqa: B018
    raise ValueError("could not submit the job")


def test_a_function_that_raises_has_not_deferred(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db")
    program.add_step("job", fails_after_all)
    assert not program.run()
    (task,) = program.tasks("job")
    assert task.error == "ValueError: could not submit the job"


def test_events_that_the_function_triggered_come_with_the_completion(tmp_path: Path) -> None:
    program = evr.Eventor("p", tmp_path / "run.db", config={"task_construct": "invoke", "logging_level": "ERROR"})
    begin, told = program.add_event("begin"), program.add_event("told")

    def job() -> None:
        evr.current().trigger("told")
        (tmp_path / "tickets").write_text(evr.current().defer())

    program.add_assoc(begin, program.add_step("job", job))
    program.add_assoc(told, program.add_step("after", taken, args=(1,)))
    program.trigger_event(begin, 1)
    program.run(NOW)
    assert program.tasks("after") == []
    evr.complete(tickets(tmp_path)[0])
    program.run(LATER)
    assert program.result("after") == 1


def test_a_run_in_memory_is_completed_through_its_object() -> None:
    program, known = flow(), list[str]()
    program.add_step("job", lambda: known.append(evr.current().defer()))
    program.run(NOW)
    with pytest.raises(evr.EventcoreError, match="method `complete`"):
        evr.complete(known[0])
    program.complete(known[0], 5)
    program.run(LATER)
    assert program.result("job") == 5
