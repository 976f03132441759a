"""Programs that are killed, again and again, come to the end they would have come to, and leave nobody behind."""

import signal
import time
from pathlib import Path
from random import Random

import pytest

from tests.crash.processes import DEADLINE, Scripts, eventually, is_alive
from tests.crash.sabotage import Instance, rows, statuses, successes

FLOW = """\
    import os, pathlib, subprocess, sys, time
    from sequent import RunMode, Sequent, StepStatus, current

    folder = pathlib.Path(sys.argv[1])

    def note():
        with open(folder / "effects", "a") as effects:
            effects.write(f"{current().name} {current().sequence}\\n")

    def work(*_):
        time.sleep(0.01)
        note()
        return [1, 2]

    def child():
        program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(0.05)
        note()
        program.kill()
        program.wait()

    def fails():
        note()
        raise ValueError("broken")

    flow = Sequent("flow", folder / "s.db", run_id="r", config={"console": False, "max_concurrent": 3})
    prepare = flow.add_step("prepare", work)
    outer = flow.add_step("outer", loop=prepare.result, concurrent=2)
    first = outer.add_step("first", work, args=(outer.item,))
    inner = outer.add_step("inner", loop=range(3), require=((first, StepStatus.success),))
    inner.add_step("work", work)
    inner.add_step("child", child)
    outer.add_step("late", work, require=((inner, StepStatus.success),), delay=0.05)
    broken = flow.add_step("broken", fails)
    flow.add_step("mend", work, require=((broken, StepStatus.failure),))
    flow.add_step("end", work, require=((outer, StepStatus.success), (broken, StepStatus.complete)))
    print(flow.run(run_mode=RunMode(sys.argv[2])))
"""


def effects(folder: Path) -> list[Instance]:
    """What the steps did, in order."""
    file = folder / "effects"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(name, sequence) for name, _, sequence in (line.partition(" ") for line in lines)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[Instance, str]:
    """How the flow stands when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    scripts = Scripts(folder)
    done = scripts.run(scripts.write(FLOW), folder, "restart")
    assert done.stdout.split() == ["True"], done.stderr
    found = statuses(folder / "s.db")
    assert len(found) == 23
    assert len(effects(folder)) == len(set(effects(folder))) == 20
    return found


@pytest.mark.parametrize("mode", ["recover", "continue"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_program_killed_at_any_time_loses_and_repeats_nothing(
    seed: int, mode: str, expected: dict[Instance, str], scripts: Scripts, tmp_path: Path
) -> None:
    random, script, store = Random(f"{seed}{mode}"), scripts.write(FLOW), tmp_path / "s.db"
    done: set[Instance] = set()
    entered = "restart"
    for _life in range(4):
        before = len(effects(tmp_path))
        process = scripts.start(script, tmp_path, entered)
        wanted = before + random.randrange(1, 5)
        end = time.monotonic() + DEADLINE
        while process.poll() is None and len(effects(tmp_path)) < wanted and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(random.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(scripts.all_gone, "the end of the workers and of the programs they started")
        again = [one for one in effects(tmp_path)[before:] if one in done]
        assert not again
        done, entered = successes(store), mode
    before = len(effects(tmp_path))
    last = scripts.run(script, tmp_path, mode)
    assert last.stdout.split() == ["True"], last.stderr
    assert not [one for one in effects(tmp_path)[before:] if one in done]
    assert statuses(store) == expected
    assert scripts.all_gone()


STREAM = """\
    import os, pathlib, sys, time
    import sequent as seq

    folder = pathlib.Path(sys.argv[1])

    def note(name):
        time.sleep(0.02)
        with open(folder / "effects", "a") as effects:
            effects.write(f"{name} {seq.current().sequence}\\n")

    def numbers(recorded):
        for number in range(recorded + 1, 7):
            time.sleep(0.01)
            yield number

    flow = seq.Sequent("flow", folder / "s.db", run_id="r", config={"console": False, "max_concurrent": 3})
    each = flow.add_step("each", loop=seq.stream(numbers), concurrent=2, setup=(note, "up"), teardown=(note, "down"))
    each.add_step("work", note, args=("each/work",))
    print(flow.run(run_mode=seq.RunMode(sys.argv[2])))
"""


@pytest.mark.parametrize("mode", ["recover", "continue"])
def test_a_stream_whose_engines_are_killed_is_set_up_walked_once_and_torn_down(
    mode: str, scripts: Scripts, tmp_path: Path
) -> None:
    random, script, store = Random(mode), scripts.write(STREAM), tmp_path / "s.db"
    done, entered = set[Instance](), "restart"
    for _life in range(4):
        before = len(effects(tmp_path))
        process = scripts.start(script, tmp_path, entered)
        wanted = before + random.randrange(1, 4)
        eventually(lambda: process.poll() is not None or len(effects(tmp_path)) >= wanted, "the effects of a life")  # noqa: B023
        time.sleep(random.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(scripts.all_gone, "the end of the workers")
        assert not [one for one in effects(tmp_path)[before:] if one in done]
        done, entered = successes(store), mode
    last = scripts.run(script, tmp_path, mode)
    assert last.stdout.split() == ["True"], last.stderr
    assert rows(store, "SELECT first, size FROM eventcore_items ORDER BY first") == [(n, 1) for n in range(1, 7)]
    assert statuses(store) == {("each", "1"): "success"} | {("each/work", f"1.{n}"): "success" for n in range(1, 7)}
    assert effects(tmp_path)[0] == ("up", "1")
    assert effects(tmp_path)[-1] == ("down", "1")


HELD = """\
    import pathlib, sys, time
    import eventcore as evr

    folder = pathlib.Path(sys.argv[1])

    def waits():
        (folder / f"waiting {evr.current().recovery}").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        with open(folder / "effects", "a") as effects:
            effects.write(f"waits {evr.current().sequence}\\n")

    program = evr.Eventor("held", folder / "s.db", run_id="r", config={"console": False, "lease_term": 3600})
    start = program.add_event("start")
    program.add_assoc(start, program.add_step("waits", waits))
    program.trigger_event(start, 1)
    mode = evr.RunMode(sys.argv[2])
    end = time.monotonic() + 600
    while time.monotonic() < end:
        try:
            print(program.run(run_mode=mode))
            break
        except evr.EventcoreError as refused:
            if sys.argv[3] == "once":
                sys.exit(str(refused))
            (folder / "refused").touch()
            time.sleep(0.01)
"""


def test_who_waits_for_a_run_gets_it_when_its_holder_is_killed(scripts: Scripts, tmp_path: Path) -> None:
    script = scripts.write(HELD)
    holder = scripts.start(script, tmp_path, "restart", "once")
    eventually((tmp_path / "waiting 0").exists, "the first step")
    heir = scripts.start(script, tmp_path, "recover", "patiently")
    eventually((tmp_path / "refused").exists, "the refusal of the heir")
    holder.send_signal(signal.SIGKILL)
    eventually((tmp_path / "waiting 1").exists, "the heir's step")
    holder.wait()
    heir.send_signal(signal.SIGKILL)
    heir.wait()
    (tmp_path / "go").touch()
    assert scripts.run(script, tmp_path, "recover", "once").stdout.split() == ["True"]
    assert effects(tmp_path) == [("waits", "1")]
    eventually(scripts.all_gone, "the end of the workers")


def test_of_many_who_want_the_run_of_a_dead_engine_one_gets_it(scripts: Scripts, tmp_path: Path) -> None:
    script = scripts.write(HELD)
    holder = scripts.start(script, tmp_path, "restart", "once")
    eventually((tmp_path / "waiting 0").exists, "the first step")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    heirs = [scripts.start(script, tmp_path, "recover", "once") for _ in range(4)]
    eventually(lambda: sum(heir.poll() is not None for heir in heirs) == 3, "the refusal of all but one")
    (winner,) = [heir for heir in heirs if heir.poll() is None]
    (tmp_path / "go").touch()
    for heir in heirs:
        out, err = heir.communicate(timeout=DEADLINE)
        if heir is winner:
            assert out.split() == ["True"]
        else:
            assert f"process {winner.pid}" in err
    assert rows(tmp_path / "s.db", "SELECT recovery, verdict FROM eventcore_recoveries ORDER BY 1")[-1] == (
        1,
        "success",
    )
    assert effects(tmp_path) == [("waits", "1")]


def test_a_thread_executors_program_dies_whole(scripts: Scripts, tmp_path: Path) -> None:
    script = scripts.write(HELD.replace('"console": False', '"console": False, "task_construct": "thread"'))
    holder = scripts.start(script, tmp_path, "restart", "once")
    eventually((tmp_path / "waiting 0").exists, "the first step")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not is_alive(holder.pid)
    assert scripts.all_gone()
    (tmp_path / "go").touch()
    assert scripts.run(script, tmp_path, "continue", "once").stdout.split() == ["True"]
