"""Which processes a program starts, and what they do with its script."""

from __future__ import annotations

from pathlib import Path

from tests.support import run_script

WATCHED = """
    import subprocess, sys
    import eventcore as evr

    started = []
    popen = subprocess.Popen.__init__
    def counting(self, *args, **options):
        popen(self, *args, **options)
        started.append(self)
    subprocess.Popen.__init__ = counting
    print("main module", __name__)

    def program(**config):
        ev = evr.Eventor("watched", "run.db", run_id="mine", logging_level="CRITICAL", config=config)
        event = ev.add_event("e")
        ev.add_assoc(event, ev.add_step("s", max, (1, 2)))
        ev.trigger_event(event, 1)
        return ev
"""


def test_a_program_without_process_steps_starts_no_process(tmp_path: Path) -> None:
    body = """
    for construct in ("invoke", "thread", "async"):
        assert program(task_construct=construct).run(run_id=construct)
    print(len(started))
    """
    done = run_script(WATCHED + body, tmp_path)
    assert done.stdout.splitlines() == ["main module __main__", "0"], done.stderr


def test_a_run_that_has_nothing_left_to_do_starts_no_process(tmp_path: Path) -> None:
    body = """
    flow = program()
    assert flow.run()
    print(len(started))
    assert flow.run() and program().run(run_mode="continue") and program().run(run_mode="recover")
    print(len(started))
    """
    done = run_script(WATCHED + body, tmp_path)
    assert done.stdout.splitlines() == ["main module __main__", "1", "1"], done.stderr


def test_a_run_that_cannot_begin_leaves_no_worker(tmp_path: Path) -> None:
    body = """
    assert program().run()
    try:
        program().run()  # its id is taken
    except evr.EventcoreError as error:
        print(type(error).__name__, len(started), [process.returncode is not None for process in started])
    """
    done = run_script(WATCHED + body, tmp_path)
    assert done.stdout.splitlines() == ["main module __main__", "RunExistsError 2 [True, True]"], done.stderr


SCRIPT = """
    import sys
    import eventcore as evr

    print("main module", __name__)
    FACTOR = 6

    def helper(x):
        return x * FACTOR

    def work(x):
        assert helper(x) == 42, helper(x)

    ev = evr.Eventor(logging_level="WARNING")
    event = ev.add_event("e")
    ev.add_assoc(event, ev.add_step("s", work, (7,)), ev.add_step("t", lambda: helper(7)))
    ev.trigger_event(event, 1)
    sys.exit(0 if ev.run() else 1)
"""


def test_a_script_without_a_main_guard_works_and_is_imported_once(tmp_path: Path) -> None:
    done = run_script(SCRIPT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["main module __main__"]
    assert (tmp_path / "script.run.db").exists()


def test_functions_that_travel_by_value_are_never_stored(tmp_path: Path) -> None:
    assert run_script(SCRIPT, tmp_path).returncode == 0
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("script.run.db*"))
    assert b"cloudpickle" not in stored
    assert b"__main__:work" in stored


def test_a_program_ends_though_a_thread_of_it_never_does(tmp_path: Path) -> None:
    done = run_script("""
        import sys, time
        import eventcore as evr

        config = {"task_construct": "thread", "timeout": 0.1}
        ev = evr.Eventor(store=":memory:", logging_level="CRITICAL", config=config)
        event = ev.add_event("e")
        ev.add_assoc(event, ev.add_step("s", time.sleep, (3600,)))
        ev.trigger_event(event, 1)
        print(ev.run())
        """, tmp_path)  # fmt: skip
    assert done.stdout == "False\n", done.stderr
