"""The figures that the README quotes: `make bench`, or `python -m benchmarks.run NAME ...` for some of them.

Each figure stands beside its floor, measured in turn with it in the same process; medians of several rounds.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import growth as of_growth
from benchmarks import servers as of_servers
from benchmarks.floors import core_commits, pool_chain, pool_fan_out, standard_chain
from benchmarks.large import ITERATIONS, large_run
from benchmarks.programs import (
    body_loop,
    chain,
    fails_at_first,
    fan_out,
    flow_chain,
    handovers,
    kernel_chain,
    loop_flow,
    timed,
)

ROUNDS = 5


@contextmanager
def fresh() -> Iterator[Path]:
    """A path for a new store."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "bench.db")


def paired(name: str, ours: Callable[[Path], float], floor: Callable[[Path], float], count: int) -> None:
    """Measure in turn and print both rates, and the median of the ratios."""
    ratios, mine, theirs = [], [], []
    for _ in range(ROUNDS):
        with fresh() as path:
            theirs.append(floor(path))
        with fresh() as path:
            mine.append(ours(path))
        ratios.append(theirs[-1] / mine[-1])
    rate, floor_rate = count / median(mine), count / median(theirs)
    print(f"{name:<44} {rate:>9,.0f}/s   floor {floor_rate:>9,.0f}/s   ratio {median(ratios):.2f}")


def invoke_chain() -> None:
    """A chain of steps run in the engine, against one commit a step."""
    for durability in ("normal", "full"):
        paired(
            f"invoke chain of 1,000, durability {durability}",
            partial(chain, count=1000, construct="invoke", durability=durability),
            partial(core_commits, durability=durability, count=1000),
            1000,
        )


def flow_as_chain() -> None:
    """A chain of steps written as a flow, against the same chain written for the kernel."""
    paired("chain of 1,000 as a flow, built and checked", lambda path: flow_chain(path, 1000),
           lambda path: kernel_chain(path, 1000), 1000)  # fmt: skip


def iterations() -> None:
    """An iteration with one step, against two statements and a commit; and a mapping's cost as it grows."""
    paired("loop of 3,000, one step an iteration", lambda path: body_loop(path, 3000),
           partial(core_commits, durability="normal", count=3000, also_updates=True), 3000)  # fmt: skip
    costs = {}
    for count in (1_000, 100_000):
        with fresh() as path:
            costs[count] = body_loop(path, count, {f"k{number}": number for number in range(count)}) / count
    print(f"{'mapping of 100,000 items':<44} {1e6 * costs[100_000]:>7,.0f} us an item   "
          f"{costs[100_000] / costs[1_000]:.2f} of one of 1,000")  # fmt: skip


def process_chain() -> None:
    """A chain and a fan-out in worker processes, against bare pools; starting and ending them counts on both sides."""
    paired("process chain of 1,000", lambda path: chain(path, 1000, "process"), lambda _: pool_chain(1000), 1000)
    paired("process chain of 5,000", lambda path: chain(path, 5000, "process"), lambda _: pool_chain(5000), 5000)
    paired("process chain of 5,000, floor: standard pool", lambda path: chain(path, 5000, "process"),
           lambda _: standard_chain(5000), 5000)  # fmt: skip
    paired("process fan-out of 2,000, 2 at once", lambda path: fan_out(path, 2000, "process"),
           lambda _: pool_fan_out(2000), 2000)  # fmt: skip


def handover() -> None:
    """From the end of a step's function in a worker to the start of its successor's."""
    waits: list[float] = []
    for _ in range(ROUNDS):
        with fresh() as path:
            waits += handovers(path, 1000)
    waits.sort()
    print(f"{'handover to the next step, durability normal':<44} {1e3 * median(waits):>9.2f} ms   "
          f"nine of ten within {1e3 * waits[int(0.9 * len(waits))]:.2f} ms")  # fmt: skip


def parallel() -> None:
    """Ten thousand steps that one event starts."""
    for construct in ("invoke", "thread"):
        with fresh() as path:
            took = fan_out(path, 10_000, construct)
        print(f"{'10,000 parallel steps, ' + construct:<44} {10_000 / took:>9,.0f}/s   {took:.1f} s")


def loops() -> None:
    """The cost of a step as loops grow, and the engine's memory; each size in a process of its own."""
    costs = {}
    for iterations in (1_000, 10_000, 100_000):
        rounds = ROUNDS if iterations < 100_000 else 1
        outputs = [_in_own_process("loop", iterations) for _ in range(rounds)]
        costs[iterations] = median(float(output[0]) for output in outputs) / (2 * iterations)
        peak = median(float(output[1]) for output in outputs)
        relative = costs[iterations] / costs[1_000]
        print(f"{f'loop of {iterations:,}':<44} {1e6 * costs[iterations]:>7,.0f} us a step   "
              f"{relative:.2f} of the smallest   peak {peak:,.0f} MB")  # fmt: skip


def resume() -> None:
    """Recover a run with 100,000 finished steps and one that failed."""
    with fresh() as path:
        flow = loop_flow(path, 50_000, fails_at_first)
        flow.configure({"logging_level": "CRITICAL"})
        flow.run()
        took = timed(flow, run_mode="recover")
    print(f"{'recover a run with 100,000 finished steps':<44} {took:>9.2f} s")


def growth() -> None:
    """What flat flows cost as they grow, in CPU."""
    checked, ran = partial(of_growth.checked, of_growth.dense), partial(of_growth.ran, of_growth.sources_and_tail)
    for name, spent, sizes in (
        ("check, five edges a step", checked, (1_250, 2_500, 5_000)),
        ("run, sources before a tail", ran, (1_250, 2_500, 5_000)),
        ("recover, flat", of_growth.recovered, (5_000, 10_000, 20_000)),
        ("rerun --downstream, a row in a container", of_growth.rerun, (1_250, 2_500, 5_000)),
    ):
        costs = {}
        for steps in sizes:
            with fresh() as path:
                took = spent(path, steps)
            costs[steps] = took / steps
            relative = costs[steps] / costs[sizes[0]]
            print(f"{f'{name}: {steps:,} steps':<56} {took:>6.2f} s of CPU   {relative:.2f} of the smallest, a step")


def servers() -> None:
    """Turns on PostgreSQL and MariaDB, beside one insert and its commit there; and a chain on each kind of store."""
    for kind, all_settings in of_servers.SETTINGS.items():
        lacking = of_servers.missing(kind)
        if lacking is not None:
            print(f"{kind}: there is no {lacking}; as root, `sh tests/packages.sh` installs it")
            continue
        for label, settings in all_settings.items():
            of_servers.one_turn(kind, label, settings)
            of_servers.whole_chain(kind, label, settings)
    with fresh() as path:
        print(f"{'invoke chain of 200, SQLite':<44} {200 / chain(path, 200, 'invoke'):>9,.0f}/s")


def cold() -> None:
    """A flow of one process step, the whole command, beside an interpreter that imports nothing."""
    program = (
        "import sequent, benchmarks.steps as f\n"
        "flow = sequent.Sequent('one', {!r}, logging_level='WARNING')\n"
        "flow.add_step('only', f.nothing)\n"
        "raise SystemExit(not flow.run())\n"
    )
    ours, bare = [], []
    for _ in range(ROUNDS):
        with fresh() as path:
            ours.append(_command(program.format(str(path))))
        bare.append(_command("pass"))
    print(f"{'a flow of one process step, cold':<44} {median(ours):>9.2f} s   bare interpreter {median(bare):.2f} s")


def reading() -> None:
    """Whole commands that tell of a run of 1,000,000 iterations, beside one scan of its tasks and the imports."""
    with fresh() as path:
        large_run(path, 1_000_000 // ITERATIONS)
        floor = median(_command(f"import sequent.cli.command, sqlalchemy, benchmarks.large as b; b.scan({str(path)!r})")
                       for _ in range(ROUNDS))  # fmt: skip
        for verb, *options in (("status",), ("watch",), ("graph",), ("report", "-o", str(path.with_suffix(".html")))):
            arguments = ["sequent", verb, str(path), *options]
            program = f"import sys; from sequent.cli.command import main; sys.argv = {arguments!r}; main()"
            took = median(_command(program) for _ in range(ROUNDS))
            print(f"{f'{verb} of 1,000,000 iterations':<44} {took:>9.2f} s   floor {floor:>5.2f} s   "
                  f"ratio {floor / took:.2f}")  # fmt: skip


def idle() -> None:
    """The CPU that an engine uses while it waits ten seconds for a delay."""
    cpu, wall = map(float, _in_own_process("idle", 10))
    print(f"{'waiting 10 s for a delay':<44} {1000 * cpu:>7.0f} ms of CPU in {wall:.1f} s")


def _command(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _in_own_process(what: str, size: int) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.run", f"--{what}", str(size)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def _measure_loop(iterations: int) -> None:
    with fresh() as path:
        took = timed(loop_flow(path, iterations))
    print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _measure_idle(seconds: int) -> None:
    import sequent
    from benchmarks.steps import nothing

    with fresh() as path:
        flow = sequent.Sequent("idle", path, config={"task_construct": "invoke", "logging_level": "WARNING"})
        flow.add_step("later", nothing, delay=seconds)
        flow.run(max_loops=1)
        before, began = time.process_time(), time.perf_counter()
        flow.run()
        print(time.process_time() - before, time.perf_counter() - began)


FIGURES = (
    invoke_chain, flow_as_chain, iterations, process_chain, handover, parallel, loops, resume, growth, cold, reading,
    idle, servers,
)  # fmt: skip


def main(arguments: list[str]) -> None:
    """Print the named figures, or all."""
    if arguments[:1] == ["--loop"]:
        return _measure_loop(int(arguments[1]))
    if arguments[:1] == ["--idle"]:
        return _measure_idle(int(arguments[1]))
    print(f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}; medians of {ROUNDS} rounds")
    for figure in FIGURES:
        if not arguments or figure.__name__ in arguments:
            figure()
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
