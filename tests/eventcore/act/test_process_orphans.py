"""Idle worker processes whose engine was killed, whatever finished steps left in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.eventcore.act.bench import eventually
from tests.eventcore.act.processes import alive
from tests.eventcore.act.test_process_engine import engine

LEFT = {
    "a thread": "threading.Thread(target=time.sleep, args=(300,)).start()",
    "a pool of threads": "ThreadPoolExecutor().submit(time.sleep, 300)",
    "a pool of processes": "keep(ProcessPoolExecutor(1)).submit(time.sleep, 300)",
    "a slow exit handler": "atexit.register(time.sleep, 300)",
    "a blocked alarm": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM}); atexit.register(time.sleep, 300)",
    "an ignored alarm": "signal.signal(signal.SIGALRM, signal.SIG_IGN); atexit.register(time.sleep, 300)",
}


@pytest.mark.parametrize("left", LEFT)
def test_when_the_engine_is_killed_its_idle_workers_leave(tmp_path: Path, left: str) -> None:
    with engine(
        tmp_path,
        f"""
        def step():
            import atexit
            from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
            def keep(thing):
                sys.modules["time"].kept = thing
                return thing
            {LEFT[left]}
            return os.getpid()
        start(1, step)
        print("idle", wait(1).result, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    ) as process:
        assert process.stdout is not None
        idle = next(int(line.split()[1]) for line in process.stdout if line.startswith("idle"))
        assert eventually(lambda: not alive(idle))
        assert process.stdout.read() == ""  # nor does anything else hold it
