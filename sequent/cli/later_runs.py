"""The runs in a script that are left out, because `sequent run` leaves the script at the first."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from eventcore.run.runner import Runner

_OF_THEIR_OWN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)  #: what is not executed in its place


def later_runs(source: str, line: int, names: Mapping[str, object]) -> list[tuple[int, str]]:
    """The calls of `run` that the script would have reached after the one in a line: their lines, and the programs.

    Those of names at module level count, whether they are programs already or not defined yet.
    """
    return [
        (call.lineno, name)
        for statement in _after(ast.parse(source).body, line)
        for call in _calls(statement)
        if (name := _called(call)) and (name not in names or isinstance(names[name], Runner))
    ]


def _after(statements: Sequence[ast.stmt], line: int) -> Iterator[ast.stmt]:
    """What is executed after the statement in the line, in the block of that one and in those around it."""
    for number, statement in enumerate(statements):
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            for block in (getattr(statement, field, []) for field in ("body", "orelse", "finalbody")):
                if isinstance(block, list):
                    yield from _after(block, line)
            yield from statements[number + 1 :]


def _calls(statement: ast.AST) -> Iterator[ast.Call]:
    if isinstance(statement, _OF_THEIR_OWN):
        return
    if isinstance(statement, ast.Call):
        yield statement
    for inner in ast.iter_child_nodes(statement):
        yield from _calls(inner)


def _called(call: ast.Call) -> str:
    """The name whose `run` is called; empty if it is no such call."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=name), attr="run"):
            return name
    return ""
