"""The one envelope that goes to whatever runs a step, and the one that comes back.

Out goes a `Call`: the function, its arguments and names. Back comes an `Outcome`: a value or an error as text, never an
object, so nothing that a step returns or raises can fail to come back. `perform` turns the one into the other and is
all that an executor has to run. `pack` and `perform_packed` do the same for executors of other processes: functions
that can be imported travel by name, the others (closures, lambdas, functions of `__main__`) by cloudpickle.
"""

import inspect
import os
import pickle
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any

import msgspec

from eventcore.act.codecs_sent import SentCodec, codecs_to_send, take_codecs
from eventcore.act.current import Current, entered
from eventcore.act.forks import end_if_forked
from eventcore.act.steplog import LogTarget, captured
from eventcore.act.tracebacks import traceback_text
from eventcore.act.variables import fits_environment
from eventcore.define.error_text import error_text
from eventcore.define.outcome import Again, Emission, Outcome, Skipped
from eventcore.define.sealed import Sealed, opened
from eventcore.define.values import encode_result
from eventcore.errors import EventcoreError, NotYet, Skip
from eventcore.moment import Moment, is_past


class Call(msgspec.Struct, frozen=True):
    """Everything a step needs to run, and nothing else."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    view: Current
    environment: Mapping[str, str] = {}
    log: LogTarget | None = None
    start_by: Moment | None = None  #: after it, the call must not begin: the run may be another engine's
    result_needed: bool = False  #: something refers to the result: one that cannot be stored is then a failure
    largest: int | None = None  #: what is more bytes from codecs is returned as files; None: all are in the text
    has_sealed: bool = False  #: there are sealed values in the arguments or in what the view adds
    variables: Mapping[str, Sealed] = {}  #: of the environment, like `environment`; their texts are not known yet
    codecs: tuple[SentCodec, ...] = ()  #: that the engine has


Tell = Callable[[Emission], None]

LATE = Outcome(False, error="it was not begun in time", is_late=True)


def perform(call: Call, tell: Tell | None = None) -> Outcome:
    """Run the call here and now; whatever happens in it is returned as an `Outcome`.

    `tell` passes on what it emits while it runs; without it, the outcome has that.

    A coroutine function is run to its end in an event loop of its own, also where this thread is running one. Only
    `KeyboardInterrupt` is raised: it is meant for the engine.
    """
    if call.start_by is not None and is_past(call.start_by):
        return LATE
    if call.has_sealed:
        call, failure = _opened(call)
        if failure is not None:
            return failure
    if tell is not None:
        msgspec.structs.force_setattr(call.view, "tell", tell)
    process, began = os.getpid(), time.monotonic()
    with entered(call.view), captured(call.log, call.view):
        try:
            value = call.function(*call.args, **call.kwargs)
            if inspect.iscoroutine(value):
                value = _run_coroutine(value)
            return _succeeded(call, value, began)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _raised(call, error, began)
        finally:
            end_if_forked(process, "step", call.view.name)


async def perform_async(call: Call, tell: Tell | None = None) -> Outcome:
    """`perform` in a running event loop; raises what cancels it, such as a timeout, too."""
    if call.start_by is not None and is_past(call.start_by):
        return LATE
    if call.has_sealed:
        call, failure = _opened(call)
        if failure is not None:
            return failure
    if tell is not None:
        msgspec.structs.force_setattr(call.view, "tell", tell)
    process, began = os.getpid(), time.monotonic()
    with entered(call.view), captured(call.log, call.view):
        try:
            value = call.function(*call.args, **call.kwargs)
            if inspect.isawaitable(value):
                value = await value
            return _succeeded(call, value, began)
        except (KeyboardInterrupt, GeneratorExit, asyncio_cancelled()):
            raise
        except BaseException as error:
            return _raised(call, error, began)
        finally:
            end_if_forked(process, "step", call.view.name)


def asyncio_cancelled() -> type[BaseException]:
    """`asyncio.CancelledError`, imported only where coroutines run."""
    from asyncio import CancelledError

    return CancelledError


def _run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _in_a_thread(lambda: asyncio.run(coroutine))


def _in_a_thread(work: Callable[[], Any]) -> Any:
    """What `work` returns in another thread: this one is running an event loop already, as in a notebook."""
    from concurrent.futures import Future
    from contextvars import copy_context
    from threading import Thread

    future, context = Future[Any](), copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="eventcore-async", daemon=True).start()
    return future.result()


def _succeeded(call: Call, value: Any, began: float) -> Outcome:
    deferred = call.view.deferred
    if deferred:
        return Outcome(True, seconds=time.monotonic() - began, raised=tuple(call.view.raised), instead=deferred[-1],
                       emitted=tuple(call.view.emitted))  # fmt: skip
    result, files = (None, {}) if value is None else encode_result(value, call.result_needed, call.largest)
    view = call.view
    return Outcome(True, result, files, seconds=time.monotonic() - began, raised=tuple(view.raised),
                   emitted=tuple(view.emitted))  # fmt: skip


def _raised(call: Call, error: BaseException, began: float) -> Outcome:
    """The outcome of a call that ended with an exception, which may be no error."""
    raised, seconds = tuple(call.view.raised), time.monotonic() - began
    if isinstance(error, Skip):
        found = Outcome(True, seconds=seconds, raised=raised, instead=Skipped(_storable(str(error))))
    elif isinstance(error, NotYet):
        found = Outcome(True, seconds=seconds, raised=raised, instead=Again(error.after))
    else:
        found = failed(error, raised, seconds)
    emitted = call.view.emitted
    return msgspec.structs.replace(found, emitted=tuple(emitted)) if emitted else found


def _opened(call: Call) -> tuple[Call, Outcome | None]:
    """The call with its sealed values read; and the outcome of a call for which one cannot be read."""
    try:
        args, kwargs, extras = opened((call.args, dict(call.kwargs), dict(call.view.extras)))
    except EventcoreError as error:
        return call, Outcome(False, error=f"{type(error).__name__}: {error}")
    view = msgspec.structs.replace(call.view, extras=extras)
    return msgspec.structs.replace(call, args=args, kwargs=kwargs, view=view, has_sealed=False), None


def failed(
    error: BaseException, raised: tuple[tuple[str, str | None], ...] = (), seconds: float | None = None
) -> Outcome:
    """The outcome of an attempt that ended with `error`; the traceback begins with the user's code."""
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    text: str | None
    try:
        summary = error_text(error)
        text = traceback_text(error, frames)
    except Exception:  # an exception whose own __str__ raises must not take the engine along
        summary = text = f"{type(error).__name__} (its text cannot be shown)"
    return Outcome(False, error=_storable(summary), traceback=text and _storable(text), seconds=seconds, raised=raised)


def _storable(text: str) -> str:
    """The text with what UTF-8 cannot encode escaped, such as the undecodable part of a file's name."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pack(call: Call) -> bytes:
    """The call as bytes for another process on this machine; raises whatever pickling raises."""
    function = portable(call.function)
    codecs = codecs_to_send()
    if function is not call.function or codecs:
        call = msgspec.structs.replace(call, function=function, codecs=codecs)
    if travels_by_name(function) and all(map(is_plain, (call.args, call.kwargs, call.view.extras))):
        return pickle.dumps(call)  # what cloudpickle would do, in a fraction of its time
    from eventcore.act.by_value import dumps

    return dumps(call)


def travels_by_name(function: object) -> bool:
    """Whether a worker can import the function; false also where only cloudpickle can tell."""
    return type(function) is Decorated or _at_its_name(function) is function


def portable(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or what stands for it where its name in its module is that of a decorator's object.

    cloudpickle would send such a function by value, and with it whatever it uses of its module.
    """
    found = _at_its_name(function)
    is_decorated = found is not function and getattr(found, "__wrapped__", None) is function
    return Decorated(function.__module__, function.__qualname__) if is_decorated else function


class Decorated:
    """Is unpickled as the function that a decorator's object of this name wraps."""

    def __init__(self, module: str, name: str) -> None:
        self._place = module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _undecorated(*self._place)(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return _undecorated, self._place


def _undecorated(module: str, name: str) -> Any:
    return getattr(import_module(module), name).__wrapped__


def _at_its_name(function: object) -> object:
    """What a worker would import by the function's name, None where it should not."""
    if type(function) not in (FunctionType, BuiltinFunctionType):
        return None
    module = sys.modules.get(str(getattr(function, "__module__", None)))
    if module is None or module.__name__ == "__main__":
        return None
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is not None and cloudpickle.list_registry_pickle_by_value():
        return None  # a user has asked for modules to travel by value
    return getattr(module, str(getattr(function, "__qualname__", None)), None)


def is_plain(value: object, depth: int = 4) -> bool:
    """Whether a small value consists of built-in types alone, so that no class has to travel with it."""
    if type(value) in (str, int, float, bool, bytes, NoneType):
        return True
    if type(value) is Sealed:
        return not value.has_classes
    if type(value) not in (tuple, list, dict) or depth == 0:
        return False
    if type(value) is dict:
        value = (*value, *value.values())
    assert isinstance(value, (tuple, list))
    return len(value) <= 32 and all(is_plain(item, depth - 1) for item in value)


def perform_packed(body: bytes, *, owns_environment: bool = False, tell: Tell | None = None) -> Outcome:
    """`perform` a packed call; if it cannot be unpacked here, only this call fails.

    In a process that runs one call at a time, the call sets the environment variables that only it can know.
    """
    try:
        call: Call = pickle.loads(body)
    except BaseException as error:
        return failed(error)
    take_codecs(call.codecs)
    if owns_environment:
        _set_variables(call)
    return perform(call, tell)


def _set_variables(call: Call) -> None:
    for name, value in call.variables.items():
        with suppress(Exception):  # the call itself will fail with what the value's `str`, or reading it, raises
            if fits_environment(text := str(value.resolve())):
                os.environ[name] = text
