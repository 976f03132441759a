"""Who may know whom, found in the sources: imports point one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import eventcore
from tests.support import ROOT


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports, inside functions, too, but not for the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if is_typing:
            left_out.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(part: str) -> list[Path]:
    """The files of a package, or of a part of one."""
    folder = ROOT / part.replace(".", "/")
    return [folder.with_suffix(".py")] if folder.with_suffix(".py").exists() else sorted(folder.rglob("*.py"))


RULES: dict[str, tuple[str, ...]] = {
    "eventcore": ("sequent", "visual", "networkx", "click", "rich", "graphviz"),
    "visual": ("sequent",),
    "eventcore.define": ("eventcore.decide", "eventcore.record", "eventcore.act", "eventcore.run"),
    "eventcore.decide": (
        "eventcore.record", "eventcore.act", "eventcore.run", "sqlalchemy", "sqlite3", "time", "datetime", "threading",
        "subprocess", "multiprocessing", "os", "asyncio", "logging",
    ),
    "eventcore.record": ("eventcore.act", "eventcore.run"),
    "eventcore.act": ("sqlalchemy", "sqlite3", "eventcore.record", "eventcore.run"),
    "eventcore.act.executors": ("eventcore.decide",),
    "sequent.language": ("sequent.cli",),
    "sequent.compiler": ("sqlalchemy", "eventcore.record", "eventcore.act", "sequent.cli", "time", "threading"),
}  # fmt: skip


@pytest.mark.parametrize("part", RULES)
def test_imports_point_one_way(part: str) -> None:
    files = [path for path in sources(part) if not module_of(path).startswith("sequent.cli")]
    assert files
    wrong = {
        f"{module_of(path)} imports {name}"
        for path in files
        for name in imports_of(path)
        for forbidden in RULES[part]
        if name == forbidden or name.startswith(f"{forbidden}.")
    }
    assert not wrong


@pytest.mark.parametrize("name", eventcore.__all__)
def test_every_public_name_of_the_kernel_can_be_had(name: str) -> None:
    assert getattr(eventcore, name) is not None


HEAVY = ("sqlalchemy", "networkx", "paramiko", "pygraphviz")


@pytest.mark.parametrize("module", ["sequent.cli", "sequent", "eventcore"])
def test_importing_it_imports_nothing_heavy(module: str) -> None:
    """The shell's help answers at once because of it, and so do programs that only build a flow."""
    code = f"import sys, {module}; print(*sorted(sys.modules.keys() & {set(HEAVY)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_pictures_alone_need_networkx() -> None:
    """The shell shows how a run stands without it, though by the same package."""
    code = "import sys, visual, visual.live, visual.reasons; print('networkx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
