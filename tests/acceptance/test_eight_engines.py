"""Eight engines over one store, three of which are killed: each task is done once, but those in flight at a kill.

`make engines` has 200 runs of ten tasks each on every kind of store; `make test` a tenth of that.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.acceptance.sites import Site, everywhere
from tests.acceptance.sites import site as site
from tests.crash.processes import eventually
from tests.eventcore.record.places import rows

RUNS = int(os.environ.get("RUNS", "20"))
TASKS = 10  #: of a run
ENGINES, KILLED = 8, 3
LIVING = ENGINES - KILLED

PROGRAM = """
import os
import time
from pathlib import Path
import sequent as seq

HERE = Path(__file__).parent

def note(name, item, together):
    with open(HERE / "done.txt", "a") as file:
        file.write(f"{os.getpid()} {name}.{item}\\n")
    (HERE / "begun" / name).touch()
    group = name.split("-")[0]
    while len(list((HERE / "begun").glob(f"{group}-*"))) < together:
        time.sleep(0.02)

def build(name: str, together: int = 0) -> seq.Sequent:
    flow = seq.Sequent("many", config={"logdir": str(HERE / "logs"), "max_concurrent": 1})
    each = flow.add_step("each", loop=range(%d))
    each.add_step("note", note, args=(name, each.item, together))
    return flow
"""

SUBMITS = """
import sys
from sequent.cli.verbs.submit import command

store, together, *names = sys.argv[1:]
for name in names:
    parameters = ["--param", f"name={name}", "--param", f"together={together}"]
    command.main(["many.py:build", "--store", store, "--run-id", name, *parameters], standalone_mode=False)
"""

EXPECTED = re.compile(
    r"\S+ \S+ (engine of store .*, 1 run at a time: process \d+|engine ended|SIGTERM: no new runs(; 1 in progress)?"
    r"|run (\S+) of program many: (taken up by process (\d+)|success))"
)


class Work:
    """The runs that engines work off, and what became of them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.names: list[str] = []
        (site.folder / "begun").mkdir()
        (site.folder / "many.py").write_text(PROGRAM % TASKS)

    def submit(self, group: str, number: int, together: int = 0) -> None:
        """Submit runs; each goes on only once as many of its group have begun."""
        names = [f"{group}-{one}" for one in range(number)]
        self.names += names
        arguments = [sys.executable, "-c", SUBMITS, self.site.store, str(together), *names]
        done = subprocess.run(arguments, cwd=self.site.folder, capture_output=True, text=True)
        assert (done.returncode, done.stdout.split()) == (0, names), done.stderr

    def done(self) -> list[tuple[int, str]]:
        """The tasks that were begun, each with the process of its worker, in that order."""
        file = self.site.folder / "done.txt"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [(int(pid), task) for pid, task in map(str.split, lines)]

    def states(self) -> Counter[str]:
        query = "SELECT c.verdict FROM {runs} r JOIN {recoveries} c ON c.run = r.id AND c.recovery = r.recovery"
        return Counter(verdict for (verdict,) in rows(self.site.store, query))

    def taken_up(self, engine: int) -> dict[int, str]:
        """The runs that an engine has taken up, by their processes; it has said nothing that is not to be."""
        found = {}
        for line in self.site.said(engine).splitlines():
            said = EXPECTED.fullmatch(line)
            assert said, self.site.said(engine)
            if said[5]:
                found[int(said[5])] = said[3]
        return found


@everywhere
def test_of_eight_engines_three_are_killed_and_no_task_is_repeated_but_those_in_flight(site: Site) -> None:
    work = Work(site)
    work.submit("first", ENGINES, together=ENGINES)  # they go on only once all engines are at work
    work.submit("next", RUNS - ENGINES - LIVING)
    engines = [site.engine("--slots", "1") for _ in range(ENGINES)]
    for number, engine in enumerate(engines[:KILLED], 1):
        some = number * RUNS * TASKS // (2 * KILLED)
        eventually(lambda some=some: len(work.done()) >= some, "some of the work")  # type: ignore[misc]
        engine.kill()
        engine.wait()
    work.submit("last", LIVING, together=LIVING)  # no engine that lives is left out
    eventually(lambda: work.states() == {"success": RUNS}, "the end of all runs")
    for engine in engines[KILLED:]:
        engine.send_signal(signal.SIGTERM)
    assert [site.ends(engine) for engine in engines[KILLED:]] == [0] * LIVING
    taken_up = [work.taken_up(number) for number in range(ENGINES)]
    assert min(len(runs) for runs in taken_up[KILLED:]) >= 2
    assert set().union(*(runs.values() for runs in taken_up)) == set(work.names)
    assert_done_once(work, taken_up)
    assert not locked_out(site.folder / "logs")


def assert_done_once(work: Work, taken_up: list[dict[int, str]]) -> None:
    """Each task was performed once; the last one of a worker whose engine was killed may have been once more."""
    last = dict(work.done())
    first = {task: pid for pid, task in reversed(work.done())}
    killed = {name for runs in taken_up[:KILLED] for name in list(runs.values())[-1:]}
    counts = Counter(task for _, task in work.done())
    assert counts.keys() == {f"{name}.{item}" for name in work.names for item in range(TASKS)}
    repeated = [task for task, count in counts.items() if count > 1]
    assert max(counts.values()) <= 2
    assert len(repeated) <= KILLED
    assert [task for task in repeated if task.rpartition(".")[0] not in killed or last[first[task]] != task] == []
    tasks = [step for step, status in rows(work.site.store, "SELECT step, status FROM {tasks}") if status == "success"]
    assert sum(step.endswith("note") for step in tasks) == len(counts)


def locked_out(folder: Path) -> list[str]:
    """What engines said of a store that kept them waiting."""
    lines = [line for file in folder.rglob("*.log") for line in file.read_text().splitlines()]
    assert lines
    return [line for line in lines if re.search(r"locked|deadlock|Waiting up to", line, re.IGNORECASE)]
