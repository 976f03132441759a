"""An engine that loses contact with its database while another one does not: each task has one worker at a time."""

from __future__ import annotations

import time
from pathlib import Path

from tests.crash.processes import Scripts, eventually
from tests.eventcore.record.places import rows
from tests.servers.proxy import Proxy
from tests.servers.served import Served

ENGINE = """\
    import pathlib, sys, time
    import eventcore as evr
    from eventcore.record import lease

    folder = pathlib.Path(__file__).parent

    def note(folder, what, engine, name):
        with open(folder + "/ran", "a") as file:
            file.write(f"{time.monotonic()} {what} {engine} {name}\\n")

    def works(folder, engine, name):
        note(folder, "begins", engine, name)
        while engine == "behind" or not pathlib.Path(folder, "go").exists():
            note(folder, "works", engine, name)
            time.sleep(0.01)
        note(folder, "ends", engine, name)

    if __name__ == "__main__":
        engine, mode, location = sys.argv[1:]
        boot = lease.this_boot()
        lease.this_boot = lambda: boot + engine  # each is as on a host of its own
        config = {"lease_term": 3.0, "logdir": str(folder / engine), "max_concurrent": 3}
        program = evr.Eventor("parted", location, run_id="r", config=config)
        go = program.add_event("go")
        for name in ("a", "b"):
            program.add_assoc(go, program.add_step(name, works, args=(str(folder), engine, name)))
        program.trigger_event(go, 1)
        print(program.run(run_mode=evr.RunMode(mode)))
"""


def noted(folder: Path) -> list[list[str]]:
    """What steps did, in that order: when, what, of which engine, and the step."""
    file = folder / "ran"
    return [line.split() for line in file.read_text().split("\n")[:-1]] if file.exists() else []


def begun(folder: Path, engine: str) -> set[str]:
    """The steps that have begun there."""
    return {name for _, what, where, name in noted(folder) if (what, where) == ("begins", engine)}


def test_an_engine_that_is_cut_off_has_ended_its_workers_before_another_one_has_the_run(
    scripts: Scripts, tmp_path: Path, served: Served, location: str
) -> None:
    script = scripts.write(ENGINE)
    with Proxy(served.port) as proxy:
        behind = scripts.start(script, "behind", "restart", proxy.url(location))
        eventually(lambda: begun(tmp_path, "behind") == {"a", "b"}, "the steps")
        assert "is held by the engine" in scripts.run(script, "direct", "continue", location).stderr
        proxy.silence()
        direct = scripts.start(script, "direct", "continue", location)
        while not begun(tmp_path, "direct"):
            if direct.poll() is not None:  # refused
                direct = scripts.start(script, "direct", "continue", location)
            time.sleep(0.01)
        eventually(lambda: begun(tmp_path, "direct") == {"a", "b"}, "the steps, again")
        taken = everything(location)
        proxy.heal()
        out, err = behind.communicate(timeout=600)
        assert "True" not in out
        assert "another engine took over this run" in err
        assert everything(location) == taken
        (tmp_path / "go").touch()
        out, err = direct.communicate(timeout=600)
        assert out.split()[-1] == "True", err
    last = max(float(when) for when, _, engine, _ in noted(tmp_path) if engine == "behind")
    first = min(float(when) for when, _, engine, _ in noted(tmp_path) if engine == "direct")
    assert last < first
    assert rows(location, "SELECT step, status FROM {tasks} ORDER BY step") == [("a", "success"), ("b", "success")]


def everything(location: str) -> list[object]:
    """What engines record of a run, its heartbeat apart."""
    queries = ("SELECT holder, turn, recovery FROM {runs}", "SELECT * FROM {tasks} ORDER BY step",
               "SELECT * FROM {facts}", "SELECT * FROM {results}", "SELECT * FROM {attempts}")  # fmt: skip
    return [rows(location, query) for query in queries]
