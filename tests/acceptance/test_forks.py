"""Programs that fork while they run: only the process that began the run goes on with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_script

FORBIDDEN = "must not go on with the run"

PROGRAM = """
    import os, sys, warnings
    import sequent as seq
    from eventcore import Observer
    from eventcore.act.observer import TaskStarted

    warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads

    def fork():
        if not os.path.exists("forked"):
            open("forked", "w").close()
            child = os.fork()
            if child:
                print("the child left with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

    async def fork_later():
        fork()

    class Forking(Observer):
        kinds = [TaskStarted]

        def notify(self, notice):
            fork()

    where = sys.argv[1]
    flow = seq.Sequent(store="run.db", config={"console": False})
    if where == "observer":
        flow.add_observer(Forking())
        first = flow.add_step("first", print, args=("first",))
    else:
        function = fork_later if where == "async" else fork
        first = flow.add_step("first", function, config={"task_construct": where})
    flow.add_step("second", print, args=("second",), require=((first, seq.STEP_SUCCESS),))
    print("the run returned", flow.run(), flush=True)
"""


@pytest.mark.parametrize("where", ["process", "thread", "async", "invoke", "observer"])
def test_a_process_forked_off_in_a_run_ends_there_and_the_run_goes_on(tmp_path: Path, where: str) -> None:
    process = run_script(PROGRAM, tmp_path, where)
    lines = [line for line in process.stdout.splitlines() if line != "first" and FORBIDDEN not in line]
    assert lines == ["the child left with 1", "second", "the run returned True"]
    assert FORBIDDEN in process.stdout + process.stderr


def test_a_program_that_forks_between_two_runs_goes_on_in_the_child(tmp_path: Path) -> None:
    process = run_script(
        """
        import os, sys, warnings
        import sequent as seq

        flow = seq.Sequent(store="run.db")
        first = flow.add_step("first", print, args=("first",))
        flow.add_step("second", print, args=("second",), require=((first, seq.STEP_SUCCESS),), delay=0.5)
        flow.run(max_loops=1)
        child = os.fork()
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print("the run returned", flow.run())
        """,
        tmp_path,
    )
    assert process.returncode == 0
    assert process.stdout.splitlines() == ["first", "second", "the run returned True"]
