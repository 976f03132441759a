"""`sequent signal` and `sequent complete`, beside an engine and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

COMMAND = Path(sys.executable).with_name("sequent")

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


def sequent(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code, and what it said."""
    done = subprocess.run(
        [COMMAND, *arguments], cwd=folder, env={**os.environ, "TMPDIR": str(folder), "USER": "ann"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
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
    code, said = sequent(tmp_path, "complete", ticket, "--value", "[1]")
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
    (tmp_path / "flow.py").write_text(FLOW)
    sequent(tmp_path, "run", "flow.py", "--max-loops", "1")
    code, said = sequent(tmp_path, "signal", "flow.run.db", "days/approved@1.1", "--value", "yes")
    assert (code, "write a text in quotes, as '\"yes\"'" in said) == (2, True)
