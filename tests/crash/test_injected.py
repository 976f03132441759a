"""An engine that stops between any two of its acts loses nothing and repeats nothing that is recorded."""

from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent
from eventcore.define.status import RunMode, StepStatus
from sequent import ResourcePool, Sequent, or_, poll
from tests.crash.sabotage import Crash, Instance, crash_at, statuses, successes

CONFIG = {"task_construct": "invoke", "durability": "normal", "console": False, "logging_level": "CRITICAL"}
Calls = list[Instance]
Program = Callable[[Path, Calls], Any]


def noted(calls: Calls, returns: Any = None) -> Callable[..., Any]:
    """A step that notes its call."""

    def step(*args: Any) -> Any:
        calls.append((evr.current().name, evr.current().sequence))
        return returns(*args) if callable(returns) else returns

    return step


def nested_flow(store: Path, calls: Calls) -> Sequent:
    """Containers two deep, each kind of loop, a result, a pool, a delay, and a failure that is handled."""

    def risky(item: str) -> None:
        calls.append((evr.current().name, evr.current().sequence))
        if item == "bad":
            raise ValueError(item)

    flow = Sequent("flow", store, run_id="r", config=CONFIG)
    pool = ResourcePool("seats", 1)
    prepare = flow.add_step("prepare", noted(calls, {"a": ["bad"], "b": ["good"]}))
    counted = flow.add_step("counted", noted(calls), loop=lambda: range(2))
    outer = flow.add_step("outer", loop=prepare.result, concurrent=2)
    first = outer.add_step("first", noted(calls, lambda item: item), args=(outer.item,), acquires=((pool, 1),))
    inner = outer.add_step("inner", loop=first.result, require=((first, StepStatus.success),), acquires=((pool, 1),))
    try_it = inner.add_step("risky", risky, args=(inner.item,))
    mend = inner.add_step("mend", noted(calls), require=((try_it, StepStatus.failure),))
    inner.add_step("after", noted(calls), require=or_((try_it, StepStatus.success), (mend, StepStatus.success)))
    outer.add_step("last", noted(calls), args=(first.result,), require=((inner, StepStatus.success),), delay=0.02)
    flow.add_step("report", noted(calls), require=((outer, StepStatus.success), (counted, StepStatus.complete)))
    return flow


def raw_program(store: Path, calls: Calls) -> evr.Eventor:
    """A loop by `trigger`, a delay, retries, an expression, and a failure that is handled."""

    def turn() -> None:
        here = evr.current()
        calls.append((here.name, here.sequence))
        here.trigger(again if int(here.sequence) < 3 else ended, int(here.sequence) + 1)

    def stubborn() -> None:
        calls.append((evr.current().name, evr.current().sequence))
        if evr.current().try_number < 2:
            raise OSError("not yet")

    def broken() -> None:
        calls.append((evr.current().name, evr.current().sequence))
        raise ValueError("never")

    program = evr.Eventor("raw", store, run_id="r", config={**CONFIG, "retry_delay": 0.01})
    again, ended, turned = (program.add_event(name) for name in ("again", "ended", "turned"))
    late, failed, mended = (program.add_event(name) for name in ("late", "failed", "mended"))
    both = program.add_event("both", (turned, late))
    program.add_assoc(again, program.add_step("turn", turn, triggers={StepStatus.success: [turned]}))
    program.add_assoc(again, late, delay=0.02)
    program.add_assoc(both, program.add_step("stubborn", stubborn, config={"retries": 4}))
    program.add_assoc(ended, program.add_step("broken", broken, triggers={StepStatus.failure: [failed]}))
    program.add_assoc(failed, program.add_step("mend", noted(calls), triggers={StepStatus.success: [mended]}))
    program.add_assoc(mended, program.add_step("rest"), delay=0.01)
    program.trigger_event(again, 1)
    return program


def waiting_flow(store: Path, calls: Calls) -> Sequent:
    """Steps that ask again and emit, waits that somebody answers or nobody, and steps that end elsewhere."""

    def loading(number: int) -> None:
        calls.append((evr.current().name, evr.current().sequence))
        if number:
            sequent.current().emit("half", number)

    def asked(store: Path) -> bool:
        calls.append((evr.current().name, evr.current().sequence))
        return len([call for call in calls if call[0].endswith("ask")]) > 1

    def elsewhere(store: Path) -> None:
        evr.complete(evr.current().defer(timeout=60), "done", patience=0)

    flow = Sequent("flow", store, run_id="r", config=CONFIG)
    outer = flow.add_step("outer", loop=range(2), concurrent=2)
    ask = outer.add_step("ask", poll(asked, every=0.001), args=(store,))
    load = outer.add_step("load", loading, args=(outer.item,), require=((ask, StepStatus.success),))
    half = load.event("half")
    outer.add_step("preview", noted(calls), args=(half.value,))
    nobody = outer.add_wait("nobody", require=or_(half, (load, StepStatus.success)), timeout=0.001, default=5)
    outer.add_step("after", noted(calls), args=(nobody.result,))
    job = flow.add_step("job", elsewhere, args=(store,), require=((outer, StepStatus.success),))
    failing = flow.add_wait("failing", timeout=0.001)
    flow.add_step("mend", noted(calls), require=((failing, StepStatus.failure), (job, StepStatus.success)))
    return flow


def undisturbed(program: Program, folder: Path) -> dict[Instance, str]:
    store = folder / "undisturbed.db"
    assert program(store, []).run()
    return statuses(store)


def repeated(calls: Calls, done: set[Instance]) -> set[Instance]:
    """The calls that were made although they were recorded as done."""
    return {call for call in calls if call in done}


@pytest.mark.parametrize(
    ("program", "mode"),
    [
        (nested_flow, RunMode.recover),
        (nested_flow, RunMode.continue_),
        (raw_program, RunMode.recover),
        (raw_program, RunMode.continue_),
        (waiting_flow, RunMode.recover),
        (waiting_flow, RunMode.continue_),
    ],
)
@pytest.mark.parametrize("first", [1, 2])
def test_a_crash_at_any_moment_changes_no_end(program: Program, mode: RunMode, first: int, tmp_path: Path) -> None:
    expected = undisturbed(program, tmp_path)
    assert "failure" in expected.values()
    for moment in count(first, 2):
        store, calls = tmp_path / f"{moment}.db", Calls()
        try:
            with crash_at(moment):
                assert program(store, calls).run()
            break
        except Crash:
            done = successes(store)
            calls.clear()
        assert program(store, calls).run(run_mode=mode), f"after a crash at {moment}"
        assert statuses(store) == expected, f"after a crash at {moment}"
        assert not repeated(calls, done), f"after a crash at {moment}"
    assert moment > 40


#: the least number of moments in which an engine gets a step further; recovery begins with what had failed
LIVES = [(program, RunMode.continue_, moments) for program in (nested_flow, raw_program) for moments in (7, 8, 13)]


@pytest.mark.parametrize(
    ("program", "mode", "moments"),
    [
        *LIVES,
        (nested_flow, RunMode.recover, 43),
        (raw_program, RunMode.recover, 43),
    ],
)
def test_engines_that_all_die_young_bring_the_run_to_its_end(
    program: Program, mode: RunMode, moments: int, tmp_path: Path
) -> None:
    expected = undisturbed(program, tmp_path)
    store, calls, done = tmp_path / "s.db", Calls(), set[Instance]()
    entered = RunMode.restart
    for _life in range(60):
        try:
            with crash_at(moments):
                assert program(store, calls).run(run_mode=entered)
            break
        except Crash:
            pass
        assert not repeated(calls, done)
        done, entered = successes(store), mode
        calls.clear()
    else:
        pytest.fail("no engine came further than the one before it")
    assert statuses(store) == expected


def test_recovery_and_continuation_can_take_turns(tmp_path: Path) -> None:
    expected = undisturbed(nested_flow, tmp_path)
    store = tmp_path / "s.db"
    modes = cycle([RunMode.recover, RunMode.continue_, RunMode.continue_, RunMode.continue_])
    entered = RunMode.restart
    for _life in range(60):
        try:
            with crash_at(29):
                assert nested_flow(store, []).run(run_mode=entered)
            break
        except Crash:
            entered = next(modes)
    assert statuses(store) == expected
