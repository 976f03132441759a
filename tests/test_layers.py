"""Who may know whom, found in the sources: imports point one way, and what is private stays in its folder.

Imports for the type checker alone and imports inside functions count like all others.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import networkx as nx
import pytest

import eventcore
import sequent
from tests.support import ROOT

#: From the lowest to the highest: each may import itself and what stands before it. A folder is named with its dots; so
#: is a file beside a package's `__init__` that does not stand as high as that.
LAYERS = (
    "eventcore.errors",
    "eventcore.moment",
    "eventcore.uncollected",
    "eventcore.define",
    "eventcore.decide",
    "eventcore.record",
    "eventcore.record.backends",
    "eventcore.act",
    "eventcore.act.executors",
    "eventcore.run",
    "eventcore",
    "visual.errors",
    "visual.outline",
    "visual.values",
    "visual.instances",
    "visual.standing",
    "visual.totals",
    "visual.reach",
    "visual.reading",
    "visual.graph",
    "visual.live",
    "visual.reasons",
    "visual.report",
    "visual.page",
    "visual.notebook",
    "visual",
    "sequent.errors",
    "sequent.language",
    "sequent.compiler",
    "sequent",
    "sequent.cli",
    "sequent.cli.verbs",
)

#: What is not to be imported although it stands lower, or is no part of the project.
RULES: dict[str, tuple[str, ...]] = {
    "eventcore": ("networkx", "click", "rich", "graphviz"),
    "sequent.language": ("visual",),
    "sequent.compiler": ("visual", "sqlalchemy", "eventcore.record", "eventcore.act", "time", "threading"),
    "eventcore.decide": (
        "sqlalchemy", "sqlite3", "time", "datetime", "threading", "subprocess", "multiprocessing", "os", "asyncio",
        "logging",
    ),
    "eventcore.act": ("sqlalchemy", "sqlite3", "eventcore.record"),
    "eventcore.act.executors": ("eventcore.decide",),
}  # fmt: skip

#: What breaks the rules today, with what is to be done about it. To be empty at the end; an entry that is not needed
#: any more fails the test.
KNOWN_OFFENDERS: dict[str, str] = {}


@cache
def files() -> Mapping[str, Path]:
    """All sources by their dotted names."""
    found = {}
    for package in ("eventcore", "sequent", "visual"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree_of(module: str) -> ast.Module:
    """What a file says."""
    return ast.parse(files()[module].read_text(encoding="utf-8"))


def folder_of(module: str) -> str:
    """The folder that a file lies in."""
    return ".".join(files()[module].relative_to(ROOT).parent.parts)


def layer_of(module: str) -> str:
    """The layer that a file is part of."""
    return module if module in LAYERS else folder_of(module)


def imports_of(module: str) -> Iterator[str]:
    """What a file imports: modules, and names in them that are no modules of the project."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_of(module: str) -> Iterator[str]:
    """The project's modules that a file imports."""
    for name in imports_of(module):
        found = name if name in files() else name.rpartition(".")[0]
        if found in files() and found != module:
            yield found


def is_in(name: str, part: str) -> bool:
    """Whether something is a part of the project or lies in it."""
    return name == part or name.startswith(f"{part}.")


def upward() -> Iterator[str]:
    """Imports of what stands higher."""
    for module in files():
        for other in modules_of(module):
            lower, higher = layer_of(module), layer_of(other)
            if LAYERS.index(higher) > LAYERS.index(lower):
                yield f"{lower} imports {higher}"


def forbidden() -> Iterator[str]:
    """Imports that a rule forbids."""
    for part, names in RULES.items():
        for module in files():
            if is_in(module, part):
                yield from (
                    f"{part} imports {name}" for name in names if any(is_in(i, name) for i in imports_of(module))
                )


def circles() -> Iterator[str]:
    """Circles of more than two files, by the folders that they go through."""
    graph: nx.DiGraph[str] = nx.DiGraph((module, other) for module in files() for other in modules_of(module))
    for circle in nx.strongly_connected_components(graph):
        if len(circle) > 2:
            yield f"circle of files in {', '.join(sorted({folder_of(module) for module in circle}))}"


def is_private(name: str) -> bool:
    """Whether a name says that it is for its own folder."""
    return name.startswith("_") and not name.endswith("_")


@cache
def private_names(module: str) -> frozenset[str]:
    """The private names that a file defines: functions, classes, variables, members."""
    found = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _own(node):
            found.add(node.attr)
    return frozenset(filter(is_private, found))


def _own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def trespasses() -> Iterator[str]:
    """Private names of another folder that a file imports or reads."""
    definers: dict[str, set[str]] = {}
    for module in files():
        for name in private_names(module):
            definers.setdefault(name, set()).add(folder_of(module))
    for module in files():
        imported = {name.rpartition(".")[2]: name for name in imports_of(module)}
        used = {name for name in imported if is_private(name) and imported[name].partition(".")[0] in _PACKAGES}
        used |= {node.attr for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute)}
        for name in used & definers.keys():
            if folder_of(module) not in definers[name]:
                yield f"{module} uses {name}"


_PACKAGES = {"eventcore", "sequent", "visual"}


def test_every_folder_has_its_layer() -> None:
    """An ordered list has no room for circles between folders."""
    folders = {folder_of(module) for module in files()}
    assert folders <= set(LAYERS)
    assert set(LAYERS) <= folders | files().keys()


@pytest.mark.parametrize("offences", [upward, forbidden, circles, trespasses])
def test_the_tree_keeps_the_rules(offences: Callable[[], Iterator[str]]) -> None:
    assert set(offences()) - KNOWN_OFFENDERS.keys() == set()


def test_every_known_offender_is_still_one() -> None:
    found = {*upward(), *forbidden(), *circles(), *trespasses()}
    assert KNOWN_OFFENDERS.keys() - found == set(), "mended: take it out of KNOWN_OFFENDERS"


@pytest.mark.parametrize(("package", "name"), [(p, name) for p in (eventcore, sequent) for name in p.__all__])
def test_every_public_name_can_be_had(package: ModuleType, name: str) -> None:
    assert getattr(package, name) is not None
    assert set(package.__all__) == set(dir(package))


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
