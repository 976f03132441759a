"""Finds the program or store that a user names on the command line."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

import cloudpickle
import msgspec

from eventcore.define.classes import script_is
from eventcore.define.error_text import error_text, headline
from eventcore.errors import EventcoreError
from eventcore.record.identity import NOTES
from eventcore.record.location import may_be_tag
from eventcore.record.registry import backend_of
from eventcore.run.capture import Captured, capturing
from eventcore.run.runner import Runner
from sequent.cli.parameters import NotLoadedError, TargetError, typed_parameters

notes = logging.getLogger(NOTES)

SQLITE_MAGIC = b"SQLite format 3\0"


class Target(msgspec.Struct, frozen=True):
    """A parsed target: a file or a module with perhaps a name in it, or a store."""

    text: str
    file: Path | None = None
    module: str | None = None
    name: str | None = None
    store: str | None = None  #: its path or URL


def parse_target(text: str, *, or_folder: bool = False) -> Target:
    """Tell whether the text names a file, a module or a store; raises `TargetError` for a missing file.

    With `or_folder`, the message says that it could have named a folder of stores.
    """
    if "://" in text:
        return Target(text, store=_store_at(text))
    path = Path(text)
    if _is_file(path):
        if _is_store(path):
            return Target(text, store=str(path))
        if path.suffix == ".py":
            return Target(text, file=path)
        raise TargetError(f"{text} is neither a Python file (its name ends in .py) nor a store; name one of these")
    head, separator, name = text.rpartition(":")
    if separator and head.endswith(".py"):
        path = Path(head)
        if not _is_file(path):
            raise TargetError(f"there is no file {head}; give the path of a Python file with a flow")
        return Target(text if name else head, file=path, name=name or None)
    if name and head and all(part.isidentifier() for part in head.split(".")):
        return Target(text, module=head, name=name)
    tagged = (
        f"; a tag of a configuration is named with its program, as flow.py --store {text}" if may_be_tag(text) else ""
    )
    raise TargetError(
        f"{text!r} is not a file{' or a folder' if or_folder else ''}; give a Python file (flow.py or flow.py:NAME), "
        f"a module (package.module:NAME), {'a store or a folder of stores' if or_folder else 'or a store'}{tagged}"
    )


def _store_at(url: str) -> str:
    """The store that a URL names: by its path where it is a file, which may be moved along with the folder."""
    backend = backend_of(url)
    if not backend.is_shared:
        raise TargetError(f"{url}: only its own process can read a store in memory; name a store in a file")
    return url if backend.file is None else str(backend.file)


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a text that cannot be the path of one names none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_store(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}; correct its permissions") from None
    return start == SQLITE_MAGIC or path.suffix == ".db"


def load_program(target: Target, parameters: Mapping[str, str], run_id: str | None = None, *,
                 tells_rest: bool = False, settings: Mapping[str, object] = {}) -> Runner:  # fmt: skip
    """The program that a target names; a store is asked for the program of its run, with its settings.

    With `tells_rest`, a note says which runs of a script are left out, because it is left at the first.
    Raises `TargetError` where there is none, or more than one to choose from, and where its code fails.
    """
    if target.store is not None:
        stored, known, settings = _source_of(target.store, run_id)
        program = load_program(stored, {**known, **parameters}, tells_rest=tells_rest, settings=settings)
        program.use_store(target.store)
        return program
    program = _loaded(target, parameters, settings, tells_rest=tells_rest)
    program.configure(settings)
    return program


def _loaded(target: Target, parameters: Mapping[str, str], settings: Mapping[str, object], *,
            tells_rest: bool) -> Runner:  # fmt: skip
    origin = json.dumps(
        {"target": as_recorded(target), "parameters": dict(parameters)} | ({"settings": settings} if settings else {})
    )
    with capturing(target.file, origin) as capture:
        try:
            found = _found(target, parameters, tells_rest=tells_rest)
        except EventcoreError:
            raise
        except Exception as error:
            raise NotLoadedError(f"{target.text} cannot be loaded: {last_words(error)}") from error
        if found is not None:
            return found
    if isinstance(capture.program, Runner):
        if parameters and target.name is None:
            raise _takes_none(target)
        return capture.program
    raise TargetError(f"{target.text}: it ended without running a flow; name one in it, as {target.text}:NAME")


def is_of_a_program(error: BaseException) -> bool:
    """Whether the code of the user's program raised it, which is executed while its target is loaded."""
    return any(frame.filename == __file__ for frame in extract_tb(error.__traceback__))


def last_words(error: BaseException) -> str:
    """What an exception says, and in which line of which file it was raised."""
    where = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    at = f" ({where[-1].filename}, line {where[-1].lineno})" if where else ""
    return f"{headline(error_text(error))}{at}"


def as_recorded(target: Target) -> str:
    """The target as stores record it."""
    if target.file is None:
        return target.text
    return str(target.file.resolve()) + (f":{target.name}" if target.name else "")


def store_beside(file: Path) -> Path:
    """Where a program keeps its runs unless it says otherwise."""
    return file.with_name(f"{file.stem}.run.db")


def _source_of(store: str, run_id: str | None) -> tuple[Target, dict[str, str], dict[str, object]]:
    import time

    from eventcore.record.reading import reading

    with reading(store) as reader:
        run = reader.run(run_id, time.time())
    if (notebook := run.origin.get("notebook")) is not None:
        raise TargetError(
            f"run {run.run_id!r} was started in {f'the notebook {notebook}' if notebook else 'a notebook'}; go on with "
            f"it there: flow.run(run_mode='recover', run_id={run.run_id!r})"
        )
    try:
        source = json.loads(run.source or "")
        return parse_target(source["target"]), source.get("parameters", {}), source.get("settings", {})
    except (ValueError, KeyError):
        raise TargetError(
            f"store {store} does not know the program of run {run.run_id!r}; name its file instead"
        ) from None


def _found(target: Target, parameters: Mapping[str, str], *, tells_rest: bool) -> Runner | None:
    if target.module is not None:
        sys.path.insert(0, str(Path.cwd()))
        try:
            module = importlib.import_module(target.module)
        except ImportError as error:
            raise TargetError(f"module {target.module} cannot be imported: {error}") from None
        script_is(module)
    else:
        assert target.file is not None
        module = _executed(target.file, target.name, tells_rest=tells_rest)
    if target.name:
        return _named(module, target, parameters)
    named = {id(value): name for name, value in reversed(vars(module).items()) if isinstance(value, Runner)}
    flows = list(reversed(named.values()))
    if len(flows) == 1 and not parameters:
        program: Runner = getattr(module, flows[0])
        return program
    builders = _builders(module)
    if flows or builders:
        raise TargetError(_choice(target.text, flows, builders, bool(parameters)))
    return None


def _choice(text: str, flows: list[str], builders: list[str], has_parameters: bool) -> str:
    """What to name instead of the whole file or module."""
    if has_parameters and flows:
        hint = f": {_either(text, builders)}" if builders else ""
        built = f"{flows[0]!r} is a flow already and takes" if len(flows) == 1 else "it has flows already, which take"
        return f"{text}: {built} no --param; name a function that builds one{hint}"
    if flows:
        return f"{text} has several flows; name one: {_either(text, flows)}"
    return f"{text} has no flow until a function builds one; name the function: {_either(text, builders)}"


def _either(text: str, names: list[str]) -> str:
    """The targets that the names in a file or module are, the first few of them."""
    return " or ".join(f"{text}:{name}" for name in names[:3])


def _executed(file: Path, wanted: str | None, *, tells_rest: bool) -> ModuleType:
    """Run a file as a module of its own; what it defines reaches workers by value, not by import.

    It is left at its first run: with the program of that if nothing is wanted from it, else with what it has by then.
    """
    is_main = wanted is None
    name = "__main__" if is_main else file.stem
    module = ModuleType(name)
    module.__file__ = str(file.resolve())
    try:
        source = file.read_text(encoding="utf-8")
        code = compile(source, str(file), "exec")
    except (SyntaxError, ValueError) as error:
        raise TargetError(f"{file} is not Python: {error}") from None
    except OSError as error:
        raise TargetError(f"{file} cannot be read: {error.strerror}; correct its permissions") from None
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if is_main or name not in sys.modules:
        sys.modules[name] = module
    script_is(module)
    if not is_main:
        cloudpickle.register_pickle_by_value(module)
    else:
        sys.argv = [str(file)]
    try:
        exec(code, vars(module))  # noqa: S102  the user's own program, which is what the command is asked to run
    except Captured as left:
        line = next((frame.lineno for frame in extract_tb(left.__traceback__) if frame.filename == str(file)), None)
        if wanted is None:
            if tells_rest and line is not None:
                _tell_rest(file, source, line, module)
            raise
        if wanted not in vars(module):
            raise TargetError(
                f"{file}:{wanted}: the file runs another flow in line {line}, before it comes to {wanted!r}; put its "
                'runs under `if __name__ == "__main__":`'
            ) from None
    except BrokenPipeError:
        raise TargetError(f"{file} wrote to a pipe or a connection that is closed, before it ran a flow") from None
    return module


def _tell_rest(file: Path, source: str, line: int, module: ModuleType) -> None:
    """Note which runs follow in a script that was left at its first."""
    from sequent.cli.later_runs import later_runs

    if later := later_runs(source, line, vars(module)):
        named = ", ".join(f"{name}.run() in line {number}" for number, name in later[:3])
        notes.warning(
            "%s is left at its first run, in line %d; not started: %s; to run one of them, name its flow, as %s:%s",
            file, line, f"{named}{', ...' if len(later) > 3 else ''}", file, later[0][1],
        )  # fmt: skip


def _named(module: ModuleType, target: Target, parameters: Mapping[str, str]) -> Runner:
    found = getattr(module, target.name or "", None)
    if found is None:
        known = [name for name, value in vars(module).items() if isinstance(value, Runner)] + _builders(module)
        raise TargetError(f"{target.text}: there is no {target.name!r} in it; it has {', '.join(known) or 'no flow'}")
    if isinstance(found, Runner):
        if parameters:
            raise _takes_none(target)
        return found
    if not callable(found):
        raise TargetError(f"{target.text} is neither a flow nor a function that builds one")
    built = found(**typed_parameters(found, parameters, target.text))
    if not isinstance(built, Runner):
        raise TargetError(f"{target.text} returned {built!r} instead of a flow; have it return the flow that it builds")
    return built


def _takes_none(target: Target) -> TargetError:
    return TargetError(f"{target.text} is a flow already and takes no --param; name a function that builds one")


def _builders(module: ModuleType) -> list[str]:
    """The functions that say that they return a flow; where there are none, those that name the class of one."""
    found, likely = [], []
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            returns = value.__annotations__.get("return")
            is_runner = isinstance(returns, type) and issubclass(returns, Runner)
            if is_runner or str(returns).rpartition(".")[2] in ("Sequent", "Eventor"):
                found.append(name)
            elif returns is None and {"Sequent", "Eventor"} & {*value.__code__.co_names}:
                likely.append(name)
    return found or likely
