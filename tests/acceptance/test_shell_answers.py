"""`sequent signal` and `sequent complete`, beside an engine and without one."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from tests.commands import COMMAND, run_sequent

FLOW = """
from pathlib import Path
import sequent as seq

def begin():
    Path("part").write_text(seq.current().defer())
    Path("part").rename("ticket")

flow = seq.Sequent(config={"max_concurrent": 4})
job = flow.add_step("job", begin)
days = flow.add_step("days", loop=["mon", "tue"], concurrent=2)
days.add_wait("approved")
flow.add_step("send", print, args=("sent", job.result), require=((days, seq.STEP_SUCCESS),))
"""


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of commands, in which `sequent` is that of the tests."""
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "TMPDIR": str(folder), "PATH": path}


def sequent(folder: Path, *arguments: str, told: str = "") -> tuple[int, str]:
    """The exit code, and what it said; `told` is its standard input."""
    done = run_sequent(folder, *arguments, environment=surroundings(folder), told=told)
    return done.returncode, done.stdout + done.stderr


def test_an_engine_that_was_killed_has_lost_nothing_that_waits(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    engine = subprocess.Popen([COMMAND, "run", "flow.py", "-q"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    while not (tmp_path / "ticket").exists() or "active" not in sequent(tmp_path, "status", "flow.run.db")[1]:
        time.sleep(0.05)
    ticket = (tmp_path / "ticket").read_text()
    code, said = sequent(tmp_path, "signal", "flow.run.db", "days/approved")
    assert (code, "name one of days/approved@1.1, days/approved@1.2" in said) == (2, True)
    assert sequent(tmp_path, "signal", "flow.run.db", "days/approved@1.1", "--value", "{}")[0] == 0
    engine.kill()
    engine.wait()
    code, said = sequent(tmp_path, "complete", "-", "--value", "[1]", told=f"{ticket}\n")
    assert (code, "the engine that continues the run will see it" in said) == (0, True)
    assert sequent(tmp_path, "signal", "flow.run.db", "days/approved")[0] == 0
    assert sequent(tmp_path, "signal", "flow.run.db", "days/approved@1.2")[0] == 2
    code, said = sequent(tmp_path, "continue", "flow.py")
    assert (code, "sent [1]" in said) == (0, True)
    status = sequent(tmp_path, "status", "flow.run.db")[1]
    assert status.count("answered by") == 2
    told = json.loads(sequent(tmp_path, "status", "flow.run.db", "--json")[1])
    assert {(one["path"], one["sequence"]) for one in told["answers"]} == {
        ("job", "1"), ("days/approved", "1.1"), ("days/approved", "1.2")
    }  # fmt: skip
    assert "it was answered by" in sequent(tmp_path, "why", "flow.run.db", "days/approved@1.2")[1]


def test_what_is_no_ticket_and_what_is_no_json_are_told(tmp_path: Path) -> None:
    code, said = sequent(tmp_path, "complete", "rubbish")
    assert (code, said) == (
        2, "sequent: this is not a ticket; pass on unchanged what current().defer() returned in the step\n"
    )  # fmt: skip
    assert sequent(tmp_path, "complete", "-") == (code, said)
    (tmp_path / "flow.py").write_text(FLOW)
    sequent(tmp_path, "run", "flow.py", "--max-loops", "1")
    code, said = sequent(tmp_path, "signal", "flow.run.db", "days/approved@1.1", "--value", "yes")
    assert (code, "write a text in quotes, as '\"yes\"'" in said) == (2, True)


EMITTING = """
import sequent as seq

COMMAND = "sequent emit half --value '{\\"rows\\": 5}' && while [ ! -e seen ]; do sleep 0.1; done; ! sequent emit hlaf"

def preview(value):
    print("preview", value)
    open("seen", "w").close()

flow = seq.Sequent(config={"max_concurrent": 2})
dump = flow.add_step("dump", seq.shell(COMMAND))
flow.add_step("preview", preview, args=(dump.event("half").value,))
"""


def test_a_command_emits_an_event_of_its_step_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(EMITTING)
    code, said = sequent(tmp_path, "run", "flow.py")
    assert (code, "preview {'rows': 5}" in said) == (0, True), said
    assert "step 'dump' has no event 'hlaf'; it has 'half'" in said
    code, said = sequent(tmp_path, "emit", "half")
    assert (code, "emit works in programs that a step has started" in said) == (2, True)
