"""What `sequent clean` spares."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.test_shell import sequent
from tests.support import rows

FLOW = """
import sequent as seq

flow = seq.Sequent(config={"task_construct": "invoke"})
sent = flow.add_step("send", print)
flow.add_step("remind", print, require=((sent, seq.STEP_SUCCESS),), delay=86400)
"""


def test_runs_that_are_to_go_on_are_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    store = tmp_path / "flow.run.db"
    (tmp_path / "flow.py").write_text(FLOW)
    for name in ("over", "paused", "waiting", "latest"):
        sequent(tmp_path, "run", "flow.py", "--max-loops", "1", "--run-id", name)
    sequent(tmp_path, "cancel", "flow.run.db", "--run-id", "over")
    sequent(tmp_path, "pause", "flow.run.db", "--run-id", "paused")

    done = sequent(tmp_path, "clean", "flow.py", "--keep", "1")
    assert done.stdout.splitlines()[-1] == "1 of 4 runs deleted"
    assert done.stderr == "kept     2 runs that are paused or pending; to delete them, too, add --pending\n"
    assert rows(store, "select run_id from {runs} order by id") == [("paused",), ("waiting",), ("latest",)]
    assert "no other run" in sequent(tmp_path, "clean", "flow.py", "--keep", "2", code=3).stderr

    told = sequent(tmp_path, "clean", "flow.py", "--keep", "1", "--pending", "--dry-run").stdout
    assert "2 of 3 runs would be deleted" in told
    sequent(tmp_path, "clean", "flow.py", "--keep", "1", "--pending")
    assert rows(store, "select run_id from {runs}") == [("latest",)]
