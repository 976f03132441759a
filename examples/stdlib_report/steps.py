"""The step functions of the report on Python's own standard library.

Every function can be run again at any time: it reads what earlier steps left in the work folder, writes to a file
next to its target and renames it at the end, so a half-written file is never visible.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import sqlite3
import sysconfig
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sequent

logger = logging.getLogger(__name__)

SKIPPED = {"site-packages", "dist-packages", "__pycache__"}
GROUP_SIZE = 150  #: modules; a larger group is split
OWN_GROUP = 30  #: modules that a package needs to be a group of its own

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  #: a proxy would not find this machine's ports

SCHEMA = """
create table module (
    name text primary key, "group" text, is_test int, lines int, classes int, functions int, documented int
);
create table import (importer text, imported text, deferred int, primary key (importer, imported));
create index import_by_imported on import (imported, importer);
create table unparsable (name text primary key, error text);
"""


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `target` when everything is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def write_lines(target: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines."""
    with replacing(target) as draft, draft.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def read_lines(source: Path) -> list[dict[str, Any]]:
    """Read what `write_lines` wrote."""
    return [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]


# survey: what is there


def survey(work: str, only: str = "", root: str = "") -> dict[str, str]:
    """List the modules under `root` (the standard library) in groups; returns each group's name and listing.

    A listing is a JSON file with the names and files of modules. `only` is a comma-separated choice of groups; empty:
    all.
    """
    groups = grouped(modules_under(Path(root or sysconfig.get_paths()["stdlib"])))
    if only:
        chosen = [name.strip() for name in only.split(",")]
        if unknown := [name for name in chosen if name not in groups]:
            raise ValueError(f"no group {', '.join(unknown)}; there are {', '.join(sorted(groups))}")
        groups = {name: groups[name] for name in chosen}
    listings = {name: Path(work, "groups", f"{name}.json") for name in groups}
    for name, listing in listings.items():
        with replacing(listing) as draft:
            draft.write_text(json.dumps(groups[name]), encoding="utf-8")
    logger.info("%d modules in %d groups", sum(map(len, groups.values())), len(groups))
    return {name: str(listing) for name, listing in listings.items()}


def modules_under(root: Path) -> dict[str, str]:
    """The modules of a source tree: dotted names and files."""
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name.isidentifier() and name not in SKIPPED)
        package = Path(folder).relative_to(root).parts
        for file in sorted(files):
            stem, dot, kind = file.rpartition(".")
            if dot and kind == "py":
                found[".".join(package if stem == "__init__" else (*package, stem))] = str(Path(folder, file))
    return found


def grouped(modules: dict[str, str]) -> dict[str, dict[str, str]]:
    """Modules in groups of similar size: large packages, all smaller packages, and the plain modules."""
    packages: dict[str, dict[str, str]] = {}
    for name, file in modules.items():
        packages.setdefault(name.partition(".")[0], {})[name] = file
    groups: dict[str, dict[str, str]] = {}
    for package, members in packages.items():
        group = package if len(members) >= OWN_GROUP else "packages" if len(members) > 1 else "modules"
        groups.setdefault(group, {}).update(members)
    return {name: members for group in sorted(groups) for name, members in split(group, groups[group])}


def split(group: str, members: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """A group, or the parts of a large one."""
    names = list(members)
    parts = -(-len(names) // GROUP_SIZE)
    for part in range(parts):
        share = names[part::parts]
        yield (f"{group}-{part + 1}" if parts > 1 else group), {name: members[name] for name in share}


# the two extracts: one file for each group


def extract_structure(work: str, listing: str) -> dict[str, int]:
    """Count lines, classes, functions and docstrings of a group's modules."""
    group = Path(listing).stem
    rows = [structure_of(name, file) | {"group": group} for name, file in modules_in(listing)]
    write_lines(Path(work, "structure", f"{group}.jsonl"), rows)
    return counted(group, rows)


def extract_imports(work: str, listing: str) -> dict[str, int]:
    """List who imports whom in a group's modules."""
    group = Path(listing).stem
    rows = [imports_of(name, file) for name, file in modules_in(listing)]
    write_lines(Path(work, "imports", f"{group}.jsonl"), rows)
    return counted(group, rows)


def modules_in(listing: str) -> Iterable[tuple[str, str]]:
    """The names and files that a listing has."""
    modules: dict[str, str] = json.loads(Path(listing).read_text(encoding="utf-8"))
    return modules.items()


def counted(group: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """What an extract returns."""
    bad = sum("error" in row for row in rows)
    logger.info("%s: %d modules%s", group, len(rows), f", {bad} of them do not parse" if bad else "")
    return {"modules": len(rows), "unparsable": bad}


def structure_of(name: str, file: str) -> dict[str, Any]:
    """One module's size; a module that does not parse has an `error` instead."""
    try:
        tree, lines = parsed(file)
    except (SyntaxError, ValueError) as error:
        return {"module": name, "error": str(error)}
    found = list(definitions(tree))
    return {
        "module": name,
        "lines": lines,
        "classes": sum(isinstance(node, ast.ClassDef) for node in found),
        "functions": sum(not isinstance(node, ast.ClassDef) for node in found),
        "documented": sum(ast.get_docstring(node, clean=False) is not None for node in found),
    }


def imports_of(name: str, file: str) -> dict[str, Any]:
    """What one module asks for: `[dotted name, whether only when a function runs]`."""
    try:
        tree, _ = parsed(file)
    except (SyntaxError, ValueError) as error:
        return {"module": name, "error": str(error)}
    package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
    wanted: dict[str, bool] = {}
    for node, deferred in statements(tree):
        for asked in names_asked(node, package):
            wanted[asked] = wanted.get(asked, True) and deferred
    return {"module": name, "imports": sorted(wanted.items())}


def parsed(file: str) -> tuple[ast.Module, int]:
    """The syntax tree of a file, and how many lines it has."""
    source = Path(file).read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old modules have escapes that are warned about
        return ast.parse(source), source.count(b"\n")


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions(tree: ast.Module) -> Iterator[Definition]:
    """All classes and functions, at any depth."""
    return (node for node, _ in statements(tree) if isinstance(node, Definition))


def statements(tree: ast.Module) -> Iterator[tuple[ast.stmt, bool]]:
    """All statements, and whether they are inside a function; expressions are not looked into."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, inside = pending.pop()
        if isinstance(node, ast.stmt):
            yield node, inside
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            below = getattr(node, block, ())
            if isinstance(below, list):
                pending.extend((child, inside) for child in below)


def names_asked(node: ast.stmt, package: str) -> Iterator[str]:
    """The dotted names that an import statement could mean; `from a import b` may mean a module or a name in it."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        around = package.split(".") if node.level else []
        base = around[: len(around) - node.level + 1] + ([node.module] if node.module else [])
        yield from (".".join([*base, alias.name]) for alias in node.names)


# process: both extracts become one database


def process(work: str, groups: Iterable[str]) -> dict[str, Any]:
    """Load both extracts of the groups into `library.db` and return the figures of the report."""
    groups = list(groups)
    structure = [row for group in groups for row in read_lines(Path(work, "structure", f"{group}.jsonl"))]
    imports = [row for group in groups for row in read_lines(Path(work, "imports", f"{group}.jsonl"))]
    with replacing(Path(work, "library.db")) as draft, closing(sqlite3.connect(draft)) as database:
        with database:
            database.executescript(SCHEMA)
            load(database, structure, imports)
        figures = figures_of(database)
    logger.info("%(modules)d modules, %(lines)d lines, %(imports)d imports", figures)
    return figures


def load(database: sqlite3.Connection, structure: list[dict[str, Any]], imports: list[dict[str, Any]]) -> None:
    """Fill the database from the two extracts."""
    known = {row["module"] for row in structure}
    database.executemany(
        "insert into unparsable values (:module, :error)", [row for row in structure if "error" in row]
    )
    database.executemany(
        "insert into module values (:module, :group, :is_test, :lines, :classes, :functions, :documented)",
        [row | {"is_test": is_test(row["module"])} for row in structure if "error" not in row],
    )
    edges: dict[tuple[str, str], bool] = {}
    for row in imports:
        for asked, deferred in row.get("imports", ()):
            imported = nearest(asked, known)
            if imported and imported != row["module"]:
                edge = row["module"], imported
                edges[edge] = edges.get(edge, True) and deferred
    rows = [(importer, imported, deferred) for (importer, imported), deferred in edges.items()]
    database.executemany("insert into import values (?, ?, ?)", rows)


def is_test(module: str) -> bool:
    """Whether a module is part of the tests."""
    return any(part in ("test", "tests") or part.endswith("_test") for part in module.split("."))


def nearest(asked: str, known: set[str]) -> str | None:
    """The module that a dotted name is, or is defined in; None for what is not in the survey."""
    while asked and asked not in known:
        asked = asked.rpartition(".")[0]
    return asked or None


def figures_of(database: sqlite3.Connection) -> dict[str, Any]:
    """What the report says; who imports whom is told of the library without its tests."""

    def one(query: str) -> int:
        return int(database.execute(query).fetchone()[0] or 0)

    def rows(query: str) -> list[list[Any]]:
        return [list(row) for row in database.execute(query)]

    database.execute(
        "create temp view inside as select import.* from import join module on name = importer where not is_test"
    )
    loops = cycles(database.execute("select importer, imported from inside where not deferred"))
    return {
        "modules": one("select count(*) from module"),
        "tests": one("select sum(is_test) from module"),
        "unparsable": one("select count(*) from unparsable"),
        "lines": one("select sum(lines) from module"),
        "classes": one("select sum(classes) from module"),
        "functions": one("select sum(functions) from module"),
        "documented": one("select sum(documented) from module"),
        "imports": one("select count(*) from inside"),
        "biggest": rows("select name, lines from module where not is_test order by lines desc, name limit 10"),
        "most imported": rows(
            "select imported, count(*) from inside group by imported order by count(*) desc, imported limit 10"
        ),
        "never imported": one(
            "select count(*) from module where not is_test and name not in (select imported from inside)"
        ),
        "cycles": [[len(members), members[:6]] for members in loops[:10]],
        "modules in cycles": sum(map(len, loops)),
    }


def cycles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Groups of modules that import each other in circles, the largest first."""
    import networkx as nx  # slow to import, and only one step needs it

    graph: nx.DiGraph[str] = nx.DiGraph(edges)
    found = [sorted(members) for members in nx.strongly_connected_components(graph) if len(members) > 1]
    return sorted(found, key=lambda members: (-len(members), members))


# the two transmissions


def file_report(work: str, figures: dict[str, Any]) -> str:
    """Write `report.md` and return its path."""
    target = Path(work, "report.md")
    with replacing(target) as draft:
        draft.write_text(report_text(figures), encoding="utf-8")
    logger.info("wrote %s", target)
    return str(target)


def report_text(figures: dict[str, Any]) -> str:
    """The report, in Markdown."""
    defined = figures["classes"] + figures["functions"]
    share = f"{figures['documented'] / defined:.0%}" if defined else "none"
    lines = [
        "# The standard library",
        "",
        f"{figures['modules']:,} modules, {figures['tests']:,} of them tests, with {figures['lines']:,} lines: "
        f"{figures['classes']:,} classes and {figures['functions']:,} functions, {share} of them with a docstring. "
        f"{figures['unparsable']} more modules do not parse.",
        "",
        f"Leaving tests aside, modules import each other in {figures['imports']:,} places, nobody imports "
        f"{figures['never imported']:,} of them, and {figures['modules in cycles']:,} import each other in circles.",
    ]
    for title, column in (("biggest", "Lines"), ("most imported", "Importers")):
        lines += ["", f"## {title.capitalize()}", "", f"| Module | {column} |", "| --- | ---: |"]
        lines += [f"| `{name}` | {count:,} |" for name, count in figures[title]]
    lines += ["", "## Cycles", ""]
    for size, members in figures["cycles"]:
        lines.append(f"- {size} modules: {', '.join(f'`{name}`' for name in members)}{', ...' * (size > len(members))}")
    return "\n".join(lines) + "\n"


def post_report(url: str, figures: dict[str, Any]) -> int:
    """POST the figures as JSON to `url` and return the answer's status; raises `RuntimeError` if nobody takes them.

    The step's idempotency key goes along, so that a server can tell a repetition from a second report.
    """
    request = urllib.request.Request(
        url,
        json.dumps(figures).encode(),
        {"Content-Type": "application/json", "Idempotency-Key": sequent.current().idempotency_key},
    )
    try:
        with DIRECTLY.open(request, timeout=10) as answer:
            logger.info("%s took the report", url)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{url} refused the report: {error.code} {error.reason}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise RuntimeError(f"{url} cannot be reached ({reason}); start it and recover the run") from None
