"""A store that cannot be written ends the run in words, and the run goes on once it can."""

from pathlib import Path

from tests.crash.processes import Scripts
from tests.crash.sabotage import statuses

LOOP = """\
    import resource, signal, sys
    import eventcore as evr

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def turn():
        here = evr.current()
        if sys.argv[2] == "restart" and here.sequence == "5":
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
        if int(here.sequence) < 40:
            here.trigger("again", int(here.sequence) + 1)
        return "x" * 5000

    program = evr.Eventor("full", sys.argv[1], config={"task_construct": "invoke", "console": False})
    program.add_assoc(program.add_event("again"), program.add_step("turn", turn))
    program.trigger_event("again", 1)
    try:
        print(program.run(run_mode=evr.RunMode(sys.argv[2])))
    except evr.EventcoreError as error:
        sys.exit(f"{type(error).__name__}: {error}")
"""


def test_a_full_disk_ends_the_run_in_words_and_the_run_goes_on_later(scripts: Scripts, tmp_path: Path) -> None:
    script, store = scripts.write(LOOP), tmp_path / "s.db"
    full = scripts.run(script, store, "restart")
    assert full.returncode == 1
    assert full.stderr.startswith("StoreError: ")
    assert "the free disk space" in full.stderr
    done = set(statuses(store).values())
    assert "success" in done
    assert scripts.run(script, store, "continue").stdout.split() == ["True"]
    assert statuses(store) == {("turn", str(n)): "success" for n in range(1, 41)}
