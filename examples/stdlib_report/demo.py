"""The main job, with a failure and a recovery: the server that takes the report is down at first.

Runs the flow of `flow.py` through the shell command, as an operator would; what it leaves lies in `./demo-run/`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

FLOW = Path(__file__).with_name("flow.py")
ENDED = re.compile(r"\[ Step (?P<path>\S+)/(?P<sequence>[^/\s]+) \] Completed, status: TaskStatus\.(?P<status>\w+)")


class Reports(HTTPServer):
    """The receiver of reports: it has its port from the start, and answers there once it is `opened`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), TakeReport, bind_and_activate=False)
        self.server_bind()
        self.url = f"http://127.0.0.1:{self.server_port}/report"
        self.taken: list[tuple[str, int]] = []

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Answer requests while inside."""
        self.server_activate()
        serving = threading.Thread(target=self.serve_forever, daemon=True)
        serving.start()
        try:
            yield
        finally:
            self.shutdown()
            serving.join()


class TakeReport(BaseHTTPRequestHandler):
    """Notes each report's idempotency key and how many modules it tells of."""

    server: Reports

    def do_POST(self) -> None:
        figures = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append((self.headers["Idempotency-Key"], figures["modules"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; the demo tells what was taken."""


class Shell:
    """Calls of the `sequent` command, shown as one would type them."""

    def __init__(self) -> None:
        script = Path(sys.executable).with_name("sequent")
        self._command = [str(script)]
        if not script.exists():  # the package is on the path, and not installed
            self._command = [sys.executable, "-c", "from sequent.cli import main; main()"]
        in_path = shutil.which("sequent") or not script.exists()
        self.name = "sequent" if in_path else os.path.relpath(script)

    def show(self, *arguments: str) -> int:
        """Run a command and let it talk; returns its exit code."""
        self._echo(arguments)
        return subprocess.run([*self._command, *arguments], check=False).returncode

    def run(self, *arguments: str, failing: list[str]) -> list[re.Match[str]]:
        """Run a command that works on a flow, showing how far it is; returns the steps that ran.

        Ends the demo unless exactly the steps in `failing` fail.
        """
        self._echo(arguments)
        started, ran = time.monotonic(), []
        log: list[str] = []
        with subprocess.Popen(
            [*self._command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            assert running.stdout is not None
            for line in running.stdout:
                log.append(line)
                if ended := ENDED.search(line):
                    ran.append(ended)
                    progress(f"  steps over: {len(ran)}, the last: {ended['path']}@{ended['sequence']}")
        progress("")
        failed = [step["path"] for step in ran if step["status"] != "success"]
        if failed != failing or running.returncode != bool(failing):
            sys.exit("".join(log) + f"the demo expected these steps to fail: {failing}, not {failed}")
        counts = Counter(step["path"] for step in ran)
        print("  ran " + ", ".join(f"{path} x{count}" if count > 1 else path for path, count in counts.items()))
        for line in log:
            if line.startswith("failed: "):
                print(f"  {line.strip()}")
        print(f"  {len(ran)} step{'s' * (len(ran) > 1)} in {time.monotonic() - started:.1f} s")
        return ran

    def _echo(self, arguments: tuple[str, ...]) -> None:
        print(f"\n$ {self.name} {' '.join(arguments)}", flush=True)


def progress(text: str) -> None:
    """Replace the line that tells how far a run is; nothing where the output is no terminal."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", default="", help="groups of modules, such as asyncio,encodings (default: all)")
    only = options.parse_args().only
    folder = Path("demo-run")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    store, picture, flow = folder / "run.db", folder / "run.svg", os.path.relpath(FLOW)
    shell = Shell()
    with Reports() as reports:
        print("A report on Python's own standard library: survey -> two extracts side by side -> process -> two")
        print(f"transmissions. The flow is {flow}. The second transmission goes to")
        print(f"{reports.url}, where no server answers yet.")
        parameters = [f"work={folder}", f"url={reports.url}", *([f"only={only}"] if only else [])]
        options_of_run = [text for parameter in parameters for text in ("--param", parameter)]
        ran = shell.run("run", f"{flow}:build", "--store", str(store), *options_of_run, failing=["post_report"])

        print("\nNow a server answers there. Recovery skips the steps that succeeded:")
        with reports.opened():
            shell.run("recover", str(store), failing=[])
        ((key, modules),) = reports.taken
        print(f"  the server got one report, on {modules:,} modules, with the idempotency key {key}")

    code = shell.show("status", str(store)) or shell.show("graph", str(store), "-o", str(picture))
    if code != 0:
        return code
    print(f"""
What happened: in the run, {len(ran) - 1} steps succeeded and one failed. The recovery ran only the one that had
failed. {folder}/library.db contains what the two extracts found, module by module.

What to try next:""")
    for command, purpose in (
        (f"less {folder}/report.md", "the report"),
        (f"{shell.name} recover {store}", "says that there is nothing left to do"),
        (f"{shell.name} runs {store}", "lists the runs of the store"),
        (f"{shell.name} run --help", "how to run a flow of your own"),
    ):
        print(f"  {command:<44}  {purpose}")
    print(f"  and look at {picture} in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
