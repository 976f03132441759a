"""`shell`: a command of the shell as a step's function."""

from __future__ import annotations

import codecs
import inspect
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from keyword import iskeyword
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from eventcore.act.steplog import are_programs_captured
from sequent.errors import CommandError, FlowError

if TYPE_CHECKING:
    from subprocess import Popen

SHELL = "/bin/sh"
CHUNK = 1 << 16  #: bytes of output that are copied at once
PATIENCE = 100  #: milliseconds for which the output of a command that has ended is waited for

_PLACE = r"\{(?P<name>0|[1-9][0-9]?|[^\W\d]\w*)\}"
_HERE = r"""(?<!<)<<-?[ \t]*(?:'[^'\n]*'|"[^"\n]*"|\\?[^\s;&|<>()'"`$\\]+)"""  #: what begins a here-document
_PLAIN = re.compile(
    rf"""\\.|'(?P<literal>[^']*)'?|{_HERE}|\$\{{\w*|\$\(\(|\$?\(|[)"`\n]|(?<![^\s;&|(])\#[^\n]*|{_PLACE}""", re.DOTALL
)
_IN_QUOTES = re.compile(rf"""\\.|\$\{{\w*|\$\(\(|\$\(|["`]|{_PLACE}""", re.DOTALL)
_IN_DOCUMENT = re.compile(rf"\\.|\$\{{\w*|{_PLACE}", re.DOTALL)


class Place(NamedTuple):
    """Where an argument stands in a command: `{name}`, or `{0}` for the first of those without a name."""

    name: str
    is_quoted: bool  #: between double quotes


class ShellCommand:
    """Runs a command with the arguments of the step; made by `shell`."""

    def __init__(self, command: str) -> None:
        if not isinstance(command, str) or not command.strip() or "\0" in command:
            raise FlowError(f"shell: the command must be non-empty text without NUL, not {command!r}")
        self.command = command
        self.__qualname__ = repr(self)  #: what is stored as the function, so that a changed command is noticed
        self._literals: set[str] = set()  #: names between single quotes, where the shell replaces nothing
        self._parts = list(self._parsed(command))
        self._names = list(dict.fromkeys(part.name for part in self._parts if isinstance(part, Place)))
        for name in filter(iskeyword, self._names):
            raise FlowError(f"shell: {{{name}}} is a word of Python, so no argument can have that name; choose another")

    def __repr__(self) -> str:
        return f"shell({self.command!r})"

    @property
    def __signature__(self) -> inspect.Signature:
        """The arguments that the command needs."""
        kind = inspect.Parameter
        count = max((int(name) + 1 for name in self._names if name.isdigit()), default=0)
        numbered = [kind(f"argument_{number}", kind.POSITIONAL_ONLY) for number in range(count)]
        named = [kind(name, kind.KEYWORD_ONLY) for name in self._names if not name.isdigit()]
        return inspect.Signature([*numbered, *named])

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Run the command; raises `CommandError` if its exit code is not 0, `TypeError` for unfit arguments."""
        given = {**{str(number): value for number, value in enumerate(args)}, **kwargs}
        try:
            self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            hidden = sorted(self._literals & given.keys() - set(self._names))
            hint = f"; nothing is replaced between single quotes: {', '.join(hidden)}" if hidden else ""
            raise TypeError(f"{self!r}: {error}{hint}") from None
        text, words = self._filled(given)
        code = _exit_code([SHELL, "-c", text, "sh", *words])
        if code:
            raise CommandError(code, self.command)

    def _parsed(self, command: str) -> Iterator[str | Place]:
        """The command's text, and the places in it."""
        around, at = "", 0  #: the quotes and parentheses that are open
        documents: list[str] = []  #: how those begin that are to follow on the next line
        while (found := (_IN_QUOTES if around.endswith('"') else _PLAIN).search(command, at)) is not None:
            token = found[0]
            yield command[at : found.start()]
            yield self._token(found, around)
            at = found.end()
            if token == "\n":
                for beginning in documents:
                    document = _document(beginning, command, at)
                    yield from self._in_document(document, is_literal=any(mark in beginning for mark in "'\"\\"))
                    at += len(document)
                documents.clear()
            elif token.startswith("<<") and not around.endswith("+"):
                documents.append(token)
            elif token.startswith("'"):
                self._note_literals(token)
            else:
                around = _around_after(token, around)
        yield command[at:]

    def _token(self, found: re.Match[str], around: str) -> str | Place:
        name = found["name"]
        if name is None or not (name.isidentifier() or name.isdecimal()):
            return found[0]
        if around.endswith("+"):
            raise FlowError(
                f"shell: {{{name}}} is in $((...)), where the shell would compute with whatever it contains; compute "
                "the number in a function, and pass that"
            )
        return Place(name, around.endswith('"'))

    def _in_document(self, text: str, *, is_literal: bool) -> Iterator[str | Place]:
        """What is in a here-document: its places are as between double quotes, unless the shell replaces nothing."""
        at = 0
        if is_literal:
            self._note_literals(text)
        else:
            for found in _IN_DOCUMENT.finditer(text):
                yield text[at : found.start()]
                yield self._token(found, '"')
                at = found.end()
        yield text[at:]

    def _note_literals(self, text: str) -> None:
        self._literals.update(match["name"] for match in re.finditer(_PLACE, text))

    def _filled(self, given: dict[str, Any]) -> tuple[str, list[str]]:
        """The text for the shell, and the words that it names by number: so nothing in them is ever interpreted."""
        words: list[str] = []
        numbers: dict[str, range] = {}
        for name in self._names:
            added = _words(name, given[name])
            numbers[name] = range(len(words) + 1, len(words) + len(added) + 1)
            words += added
        text = "".join(
            part
            if isinstance(part, str)
            else " ".join(f"${{{n}}}" if part.is_quoted else f'"${{{n}}}"' for n in numbers[part.name])
            for part in self._parts
        )
        return text, words


def shell(command: str) -> ShellCommand:
    """A command of `/bin/sh` as the function of a step.

    `{name}` in it stands for the keyword argument of that name, `{0}` for the first positional one. Each is passed as
    one word whatever it contains, and a list or tuple as one word for each item; a here-document has it as it is. Other
    braces mean what they mean to the shell. Output goes to the step's log; an exit code other than 0 fails the step;
    the result is None.

        flow.add_step("dump", seq.shell("pg_dump {0} > {file}"), args=("sales",), kwargs={"file": days.item})
    """
    return ShellCommand(command)


def _around_after(token: str, around: str) -> str:
    """What is open after the token: double quotes, parentheses, "`", and "++" for the parentheses of arithmetic."""
    mark = '"' if token == '\\"' and '"`' in around else token
    if mark in ('"', "`"):
        return around[:-1] if around.endswith(mark) else around + mark
    if mark == "$((":
        return f"{around}++"
    if mark in ("(", "$("):
        return f"{around}("
    return around[:-1] if mark == ")" and around.endswith(("(", "+")) else around


def _document(beginning: str, command: str, at: int) -> str:
    """The here-document that begins so and whose lines stand there, its last line included."""
    indent, word = (r"\t*", beginning[3:]) if beginning.startswith("<<-") else ("", beginning[2:])
    word = re.escape(word.strip("'\"\\ \t"))
    last = re.compile(rf"^{indent}{word}$", re.MULTILINE).search(command, at)
    return command[at:] if last is None else command[at : last.end()]


def _words(name: str, value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in _words(name, item)]
    if value is None:
        raise TypeError(f"argument {name!r} of the command is None; give a text, a number, a path or a list of them")
    return [os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)]


def _exit_code(arguments: list[str]) -> int:
    """Run the program; the number of a signal that ended it is negative."""
    from subprocess import DEVNULL, PIPE, STDOUT, Popen

    if are_programs_captured():  # a worker, whose whole group ends at a timeout
        with Popen(arguments, stdin=DEVNULL) as process:
            return process.wait()
    with Popen(arguments, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, process_group=0) as process:
        try:
            _copy_output(process)
            return process.wait()
        except BaseException:
            from signal import SIGKILL

            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)
            raise


def _copy_output(process: Popen[bytes]) -> None:
    """Print what the process writes, until it has ended or closed its output."""
    from select import POLLIN, poll

    output: IO[bytes] | None = process.stdout
    assert output is not None
    arrival = poll()
    arrival.register(output, POLLIN)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while True:
        is_over = process.poll() is not None
        if arrival.poll(PATIENCE):
            data = os.read(output.fileno(), CHUNK)
            sys.stdout.write(decode(data, final=not data))
            if not data:
                return
        elif is_over:
            return
