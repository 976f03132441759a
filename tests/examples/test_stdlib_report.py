"""The main job: its step functions by themselves, and the whole flow with an endpoint that is down at first."""

from __future__ import annotations

import importlib
import json
import re
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventcore.act.current import Current, entered
from sequent import RunMode
from tests.examples.support import EXAMPLES, run_python

FOLDER = EXAMPLES / "stdlib_report"
RAN = re.compile(r"\[ Step (\S+) \] Completed, status: TaskStatus\.(\w+)")

TREE = {
    "a.py": '"""A."""\nimport b\nfrom pack import part\n\ndef f():\n    """F."""\n    import pack\n',
    "b.py": "import a\nclass B:\n    def m(self): pass\n",
    "broken.py": "def (:\n",
    "pack/__init__.py": "from . import part\n",
    "pack/part.py": "from .. import missing\nfrom . import nothing\nimport os.path\n",
    "pack/tests/test_part.py": "import pack.part\n",
    "site-packages/other.py": "import a\n",
}


@pytest.fixture(scope="module")
def steps() -> Iterator[ModuleType]:
    """The example's module `steps`; `flow` can be imported, too."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("steps")
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("steps", "flow"):
            sys.modules.pop(name, None)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A little library."""
    root = tmp_path / "library"
    for name, source in TREE.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return root


def extracted(steps: ModuleType, work: Path, tree: Path) -> dict[str, str]:
    """Survey and both extracts, as the flow would do them."""
    groups: dict[str, str] = steps.survey(str(work), root=str(tree))
    for listing in groups.values():
        steps.extract_structure(str(work), listing)
        steps.extract_imports(str(work), listing)
    return groups


def rows(file: Path) -> dict[str, dict[str, object]]:
    return {row["module"]: row for row in map(json.loads, file.read_text().splitlines())}


class TestSurvey:
    def test_plain_modules_and_small_packages_are_two_groups(
        self, steps: ModuleType, tmp_path: Path, tree: Path
    ) -> None:
        groups = steps.survey(str(tmp_path), root=str(tree))
        assert {name: list(json.loads(Path(file).read_text())) for name, file in groups.items()} == {
            "modules": ["a", "b", "broken"],
            "packages": ["pack", "pack.part", "pack.tests.test_part"],
        }

    def test_a_large_package_is_split_evenly(self, steps: ModuleType) -> None:
        grouped = steps.grouped({f"large.m{n}": f"m{n}.py" for n in range(400)})
        assert {name: len(members) for name, members in grouped.items()} == {
            "large-1": 134,
            "large-2": 133,
            "large-3": 133,
        }

    def test_groups_can_be_chosen(self, steps: ModuleType, tmp_path: Path, tree: Path) -> None:
        assert list(steps.survey(str(tmp_path), only="packages", root=str(tree))) == ["packages"]

    def test_choosing_an_unknown_group_names_the_known_ones(
        self, steps: ModuleType, tmp_path: Path, tree: Path
    ) -> None:
        with pytest.raises(ValueError, match="no group nope; there are modules, packages"):
            steps.survey(str(tmp_path), only="nope", root=str(tree))


class TestExtracts:
    def test_structure_counts_definitions_and_docstrings_at_any_depth(
        self, steps: ModuleType, tmp_path: Path, tree: Path
    ) -> None:
        extracted(steps, tmp_path, tree)
        found = rows(tmp_path / "structure/modules.jsonl")
        assert found["a"] == {
            "module": "a", "group": "modules", "lines": 7, "classes": 0, "functions": 1, "documented": 1,
        }  # fmt: skip
        assert found["b"] == {
            "module": "b", "group": "modules", "lines": 3, "classes": 1, "functions": 1, "documented": 0,
        }  # fmt: skip

    def test_imports_are_absolute_and_tell_deferred_ones(self, steps: ModuleType, tmp_path: Path, tree: Path) -> None:
        extracted(steps, tmp_path, tree)
        assert rows(tmp_path / "imports/modules.jsonl")["a"]["imports"] == [
            ["b", False],
            ["pack", True],
            ["pack.part", False],
        ]
        assert rows(tmp_path / "imports/packages.jsonl")["pack.part"]["imports"] == [
            ["missing", False],
            ["os.path", False],
            ["pack.nothing", False],
        ]

    def test_a_module_that_does_not_parse_is_counted_and_not_fatal(
        self, steps: ModuleType, tmp_path: Path, tree: Path
    ) -> None:
        groups = steps.survey(str(tmp_path), root=str(tree))
        expected = {"modules": 3, "unparsable": 1}
        assert steps.extract_structure(str(tmp_path), groups["modules"]) == expected
        assert steps.extract_imports(str(tmp_path), groups["modules"]) == expected
        assert "invalid syntax" in str(rows(tmp_path / "structure/modules.jsonl")["broken"]["error"])


class TestProcess:
    def test_figures_leave_tests_aside(self, steps: ModuleType, tmp_path: Path, tree: Path) -> None:
        figures = steps.process(str(tmp_path), extracted(steps, tmp_path, tree))
        assert figures["modules"] == 5
        assert figures["tests"] == 1
        assert figures["unparsable"] == 1
        assert figures["cycles"] == [[2, ["a", "b"]], [2, ["pack", "pack.part"]]]
        assert figures["imports"] == 6
        assert figures["most imported"] == [["pack", 2], ["pack.part", 2], ["a", 1], ["b", 1]]
        assert figures["never imported"] == 0

    def test_the_database_holds_who_imports_whom(self, steps: ModuleType, tmp_path: Path, tree: Path) -> None:
        steps.process(str(tmp_path), extracted(steps, tmp_path, tree))
        with sqlite3.connect(tmp_path / "library.db") as database:
            found = set(database.execute("select importer, imported, deferred from import"))
        database.close()
        assert found == {
            ("a", "b", 0),
            ("a", "pack", 1),
            ("a", "pack.part", 0),
            ("b", "a", 0),
            ("pack", "pack.part", 0),
            ("pack.part", "pack", 0),
            ("pack.tests.test_part", "pack.part", 0),
        }

    def test_every_function_can_run_again(self, steps: ModuleType, tmp_path: Path, tree: Path) -> None:
        work = tmp_path / "work"

        def everything() -> dict[str, bytes]:
            figures = steps.process(str(work), extracted(steps, work, tree))
            steps.file_report(str(work), figures)
            return {
                str(file): file.read_bytes() for file in work.rglob("*") if file.suffix in (".md", ".jsonl", ".json")
            }

        assert everything() == everything()

    def test_a_failing_write_leaves_what_was_there(self, steps: ModuleType, tmp_path: Path) -> None:
        target = tmp_path / "file"
        target.write_text("before")
        with pytest.raises(RuntimeError), steps.replacing(target) as draft:
            draft.write_text("half")
            raise RuntimeError
        assert target.read_text() == "before"
        assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], []),
        ([("a", "b"), ("b", "c")], []),
        ([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")], [["a", "b", "c"]]),
        ([("x", "y"), ("y", "x"), ("a", "b"), ("b", "c"), ("c", "a"), ("x", "a")], [["a", "b", "c"], ["x", "y"]]),
    ],
)
def test_cycles_are_found_the_largest_first(
    steps: ModuleType, edges: list[tuple[str, str]], expected: list[list[str]]
) -> None:
    assert steps.cycles(edges) == expected


def test_the_report_tells_of_the_biggest_and_of_cycles(steps: ModuleType, tmp_path: Path, tree: Path) -> None:
    figures = steps.process(str(tmp_path), extracted(steps, tmp_path, tree))
    text = Path(steps.file_report(str(tmp_path), figures)).read_text()
    assert "5 modules, 1 of them tests" in text
    assert "| `a` | 7 |" in text
    assert "- 2 modules: `a`, `b`\n" in text


class Receiver(BaseHTTPRequestHandler):
    """Takes a report, or refuses it: `answer` and `taken` are the server's."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append((self.headers["Idempotency-Key"], body))  # type: ignore[attr-defined]
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Any]:
    """An endpoint on loopback."""
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.answer, server.taken = 204, []  # type: ignore[attr-defined]
        server.url = f"http://127.0.0.1:{server.server_port}/report"  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def posted(steps: ModuleType, url: str, figures: dict[str, object]) -> int:
    """Call `post_report` as a step would be."""
    with entered(Current("post_report", "1", 0, 1, "run-1")):
        return int(steps.post_report(url, figures))


class TestPostReport:
    def test_it_sends_the_figures_and_the_key_of_this_step(self, steps: ModuleType, receiver: Any) -> None:
        assert posted(steps, receiver.url, {"modules": 3}) == 204
        assert receiver.taken == [("run-1/post_report@1", {"modules": 3})]

    def test_a_refusal_is_an_error_that_tells_the_answer(self, steps: ModuleType, receiver: Any) -> None:
        receiver.answer = 503
        with pytest.raises(RuntimeError, match="refused the report: 503"):
            posted(steps, receiver.url, {})

    def test_nobody_answering_is_an_error_that_says_what_to_do(self, steps: ModuleType) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            with pytest.raises(RuntimeError, match=r"cannot be reached .*recover the run"):
                posted(steps, f"http://127.0.0.1:{bound.getsockname()[1]}/", {})


def test_the_flow_recovers_from_python_too(
    steps: ModuleType, receiver: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flow = importlib.import_module("flow").build(str(tmp_path), receiver.url, "asyncio")
    store = tmp_path / "run.db"
    receiver.answer = 503

    def run(mode: RunMode) -> tuple[bool, list[tuple[str, str]]]:
        caplog.clear()
        succeeded = flow.run(store=store, run_mode=mode)
        return succeeded, [(match[1], match[2]) for line in caplog.messages if (match := RAN.search(line))]

    with caplog.at_level("INFO", "eventcore"):
        succeeded, ran = run(RunMode.restart)
        assert not succeeded
        assert dict(ran) == {
            "survey/1": "success", "structure/count/1.asyncio": "success", "imports/list/1.asyncio": "success",
            "process/1": "success", "file_report/1": "success", "post_report/1": "failure",
        }  # fmt: skip
        receiver.answer = 204
        assert run(RunMode.recover) == (True, [("post_report/1", "success")])
    keys = {key for key, _ in receiver.taken}
    assert keys == {f"{flow.run_id}/post_report@1"}


def test_the_demo_recovers_the_transmission_alone(tmp_path: Path) -> None:
    done = run_python(str(FOLDER / "demo.py"), "--only", "asyncio,encodings", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ran survey, structure/count x2, imports/list x2, process, file_report, post_report\n" in done.stdout
    assert re.search(r"failed: post_report@1: RuntimeError: http://\S+ cannot be reached", done.stdout)
    assert "  ran post_report\n" in done.stdout
    assert "the server got one report" in done.stdout
    assert (tmp_path / "demo-run/run.svg").read_text().count("post_report") >= 1
    assert (tmp_path / "demo-run/report.md").read_text().startswith("# The standard library")
