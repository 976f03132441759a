"""Compares pools of processes: how fast they are, and what they survive.

`python benchmarks/pools.py` prints two tables; `docs/process-pool.md` says what follows from them. Each pool has two
workers and performs the same envelope. Each figure comes from interpreters of their own; libraries that are not
installed are left out.
"""

import importlib.util
import itertools
import json
import multiprocessing
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, BinaryIO, cast

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from eventcore.act.current import Current  # noqa: E402
from eventcore.act.envelope import Call, pack, perform_packed  # noqa: E402
from eventcore.define.outcome import Emission, Outcome  # noqa: E402

WORKERS, CHAIN, FAN, RUNS = 2, 1000, 2000, 5
Submit = Callable[..., "Future[Any]"]


def standard(method: str) -> Submit:
    """The standard library's pool; it has no timeout that ends a task."""
    pool = ProcessPoolExecutor(WORKERS, multiprocessing.get_context(method))
    return lambda function, *args, timeout=None: pool.submit(function, *args)


def loky() -> Submit:
    from loky import get_reusable_executor

    pool = get_reusable_executor(WORKERS, timeout=None)
    return lambda function, *args, timeout=None: pool.submit(function, *args)


def pebble(method: str) -> Submit:
    from loky.backend import get_context
    from pebble import ProcessPool

    context: Any = get_context("loky") if method == "loky" else multiprocessing.get_context(method)
    pool = ProcessPool(WORKERS, context=context)
    return lambda function, *args, timeout=None: pool.schedule(function, args, timeout=timeout)


def deadpool() -> Submit:
    from deadpool import Deadpool
    from loky.backend import get_context

    pool = Deadpool(WORKERS, mp_context=get_context("loky"))
    return lambda function, *args, timeout=None: pool.submit(function, *args, deadpool_timeout=timeout)


def ours() -> Submit:
    """The product's executor, behind futures."""
    from eventcore.act.executor import Setting
    from eventcore.act.executors.process import ProcessExecutor

    futures: dict[int, Future[Any]] = {}
    tickets = itertools.count()

    def report(ticket: int, outcome: Outcome | Emission) -> None:
        assert isinstance(outcome, Outcome)
        future = futures.pop(ticket)
        if outcome.ok:
            future.set_result(outcome.result and json.loads(outcome.result))
        else:
            future.set_exception(RuntimeError(outcome.error))

    executor = ProcessExecutor(report, Setting("process", WORKERS))

    def submit(function: Callable[..., Any], *args: Any, timeout: float | None = None) -> "Future[Any]":
        future: Future[Any] = Future()
        ticket = next(tickets)
        futures[ticket] = future
        call = noop() if function is perform_packed else Call(function, args, {}, VIEW)
        executor.start(ticket, call, timeout)
        return future

    return submit


POOLS: dict[str, tuple[Callable[[], Submit], tuple[str, ...]]] = {
    "eventcore": (ours, ()),
    "pebble, loky's context": (lambda: pebble("loky"), ("pebble", "loky")),
    "pebble, fork": (lambda: pebble("fork"), ("pebble",)),
    "pebble, spawn": (lambda: pebble("spawn"), ("pebble",)),
    "loky": (loky, ("loky",)),
    "deadpool, loky's context": (deadpool, ("deadpool", "loky")),
    "standard, fork": (lambda: standard("fork"), ()),
    "standard, spawn": (lambda: standard("spawn"), ()),
}
FLOOR = "bare pipe, one worker"

VIEW = Current("s", "1", 0, 1, "r")


def noop() -> Call:
    """The call whose way there and back is measured."""
    return Call(abs, (-1,), {}, VIEW, {"EVENTOR_STEP_NAME": "s"})


def measure(name: str) -> tuple[float, float, float]:
    """Seconds to the first outcome, tasks a second in a chain, and with as many at once as there are workers."""
    begun = time.perf_counter()
    if name == FLOOR:
        return measure_floor(begun)
    submit = POOLS[name][0]()
    body = pack(noop())
    submit(perform_packed, body).result()
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    for _ in range(CHAIN):
        submit(perform_packed, pack(noop())).result()
    chain = CHAIN / (time.perf_counter() - begun)
    begun = time.perf_counter()
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    for number in range(FAN + WORKERS):
        if number >= WORKERS:
            done.get().result()
        if number < FAN:
            submit(perform_packed, pack(noop())).add_done_callback(done.put)
    return first, chain, FAN / (time.perf_counter() - begun)


def measure_floor(begun: float) -> tuple[float, float, float]:
    """What is left without timeouts, threads, futures or a second worker: a program that answers frames on a pipe."""
    from eventcore.act.executors.worker import receive, send

    code = f"import sys; sys.path[:] = {sys.path!r}; import pools; pools.serve_floor()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        calls, outcomes = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        rates = []
        for count in (1, CHAIN):
            if count > 1:
                begun = time.perf_counter()
            for _ in range(count):
                send(calls, pack(noop()))
                calls.flush()
                receive(outcomes)
            rates.append(count / (time.perf_counter() - begun))
        calls.close()
    return 1 / rates[0], rates[1], float("nan")


def serve_floor() -> None:
    import pickle

    from eventcore.act.executors.worker import receive, send

    while (body := receive(sys.stdin.buffer)) is not None:
        send(sys.stdout.buffer, pickle.dumps(perform_packed(body)))
        sys.stdout.flush()


# what they survive: each probe prints "yes" if the demand is met


class TwoPartsError(Exception):
    """One of the many exceptions that pickle, but do not unpickle."""

    def __init__(self, table: str, row: int) -> None:
        super().__init__(f"{table}: {row}")


def raise_two_parts() -> None:
    raise TwoPartsError("orders", 1)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def with_child(path: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    Path(path).write_text(f"{os.getpid()} {child.pid}\n")
    child.wait()


def with_background_program(path: str) -> None:
    """Run a program as `os.system("program &")` does: its parent, the shell, is gone at once."""
    subprocess.run(["sh", "-c", f"sleep 60 & echo {os.getpid()} $! > {path}"], check=True)
    time.sleep(60)


def stuck_in_c(path: str) -> None:
    """Never give the interpreter's lock back to a thread that might watch the time or the engine."""
    Path(path).write_text(f"{os.getpid()}\n")
    re.match(r"(a+)+$", "a" * 60 + "b")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def fails(future: "Future[Any]") -> bool:
    try:
        future.result(5)
    except TimeoutError:  # no answer in time; a task's own timeout is not asked for here
        return False
    except BaseException:
        return True
    return False


def fails_alone(submit: Submit, function: Callable[..., None], *args: Any) -> bool:
    submit(abs, -1).result()
    other = submit(time.sleep, 0.5)
    return fails(submit(function, *args)) and other.exception(5) is None and submit(abs, -1).result(5) == 1


def pids_of(path: str) -> list[int]:
    while not Path(path).exists() or not Path(path).read_text().endswith("\n"):
        time.sleep(0.01)
    return [int(word) for word in Path(path).read_text().split()]


def survives_idle_death(submit: Submit, _: str) -> bool:
    os.kill(submit(os.getpid).result(), signal.SIGKILL)
    time.sleep(0.5)
    return bool(submit(abs, -1).result(5) == 1)


def timeout_ends(task: Callable[[str], None], submit: Submit, path: str) -> bool:
    future = submit(task, path, timeout=1)
    try:
        future.result(6)
    except BaseException:
        time.sleep(0.2)
        return not any(alive(pid) for pid in pids_of(path))
    return False


def idles(submit: Submit, _: str) -> bool:
    """Whether an idle pool lets the engine sleep."""
    submit(abs, -1).result()
    time.sleep(0.5)

    def switches() -> int:
        threads = Path("/proc/self/task").glob("*/status")
        return sum(int(text.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in threads)

    before = switches()
    time.sleep(2)
    return switches() - before < 8


def die_as_engine(submit: Submit, task: Callable[[str], None], path: str) -> None:
    submit(task, path)
    pids_of(path)
    die()


PROBES: dict[str, Callable[[Submit, str], bool]] = {
    "os._exit(0) fails alone": lambda submit, _: fails_alone(submit, os._exit, 0),
    "SIGKILL fails alone": lambda submit, _: fails_alone(submit, die),
    "odd exception fails alone": lambda submit, _: fails_alone(submit, raise_two_parts),
    "idle death survived": survives_idle_death,
    "timeout ends child": lambda submit, path: timeout_ends(with_child, submit, path),
    "timeout ends background program": lambda submit, path: timeout_ends(with_background_program, submit, path),
    "timeout ends what is stuck in C": lambda submit, path: timeout_ends(stuck_in_c, submit, path),
    "no polling while idle": idles,
}
UNGUARDED = """
import sys; sys.path[:0] = {path!r}
print("main", flush=True)
import pools
pools.POOLS[{name!r}][0]()(abs, -1).result(5)
import os; os._exit(0)
"""


def probe(name: str, demand: str) -> None:
    """Print whether the pool meets the demand, and leave without waiting for it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            met = PROBES[demand](POOLS[name][0](), f"{folder}/pids")
        except BaseException:
            met = False
    print("yes" if met else "no", flush=True)
    os.killpg(0, signal.SIGKILL)


def in_own_interpreter(code: str, err: IO[str] | int = subprocess.DEVNULL, seconds: float = 25) -> str:
    """Run the code with this module imported; returns what it printed."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import pools; {code}"
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=err, start_new_session=True)
        timer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        process.wait()
        timer.cancel()
        out.seek(0)
        return out.read()


def dies_with_engine(name: str, task: Callable[[str], None]) -> tuple[bool, bool]:
    """Whether the worker and the programs of a killed engine die, and whether nothing is said about it."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as err:
        path = f"{folder}/pids"
        code = f"pools.die_as_engine(pools.POOLS[{name!r}][0](), pools.{task.__name__}, {path!r})"
        in_own_interpreter(code, err)
        time.sleep(3)
        left = [pid for pid in pids_of(path) if alive(pid)]
        for group in {os.getpgid(pid) for pid in left}:  # with the workers that had nothing to do
            os.killpg(group, signal.SIGKILL)
        time.sleep(0.5)
        err.seek(0)
        return not left, not err.read()


def runs_main_once(name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(UNGUARDED.format(path=sys.path[:2], name=name))
        process = subprocess.Popen(
            [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(3)
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        return out.count(b"main") == 1


def failings(name: str) -> list[str]:
    """The demands that a pool does not meet."""
    met = {demand: in_own_interpreter(f"pools.probe({name!r}, {demand!r})").strip() == "yes" for demand in PROBES}
    met["dies with the engine, programs too"], met["dies without a word"] = dies_with_engine(name, with_child)
    met["dies with the engine while stuck in C"], _ = dies_with_engine(name, stuck_in_c)
    met["main module runs once"] = runs_main_once(name)
    return [demand for demand, is_met in met.items() if not is_met]


def main() -> None:
    names = [name for name, (_, needs) in POOLS.items() if all(map(importlib.util.find_spec, needs))]
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in [*names, FLOOR]}
    for _ in range(RUNS):  # in turns, so that what else the machine does falls on all
        for name, runs in figures.items():
            out = in_own_interpreter(f"print(*pools.measure({name!r}), flush=True); import os; os.killpg(0, 9)")
            if not out:
                raise SystemExit(f"{name} could not be measured")
            runs.append(tuple(map(float, out.split())))
    medians = {name: [statistics.median(run[i] for run in runs) for i in range(3)] for name, runs in figures.items()}
    base = medians["eventcore"]
    print(f"median of {RUNS} runs; ratio to eventcore in brackets")
    print(f"{'':26}{'first task, ms':>18}{'chain, tasks/s':>18}{'two at once, tasks/s':>24}")
    for name, (first, chain, fan) in medians.items():
        cells = [f"{first * 1000:.0f} ({first / base[0]:.1f})", f"{chain:,.0f} ({chain / base[1]:.1f})"]
        cells.append("" if fan != fan else f"{fan:,.0f} ({fan / base[2]:.1f})")
        print(f"{name:26}{cells[0]:>18}{cells[1]:>18}{cells[2]:>24}", flush=True)
    for name in names:
        print(f"\n{name} fails in: {'; '.join(failings(name)) or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
