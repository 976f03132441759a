"""Which picture `graph` is asked for, a run's or the flow's own, and what is written where it cannot be made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from eventcore.errors import RunNotFoundError
from sequent.cli.target import load_program, pairs, parse_target, store_of
from visual.errors import PictureError
from visual.graph.draw import Picture, draw, format_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which picture."""

    target: str
    store: str | None
    run_id: str | None
    program_only: bool
    parameters: tuple[str, ...]
    kernel: bool
    unfold: bool

    def picture(self) -> Picture:
        """The run of the target's store where there is one and the flow was not asked for by itself."""
        parsed = parse_target(self.target)
        if not self.program_only and not self.parameters:
            location = store_of(parsed, self.store)
            named = self.store is not None or self.run_id is not None or parsed.store is not None
            if named or Path(location).is_file():
                with suppress(*([] if named else [RunNotFoundError])):
                    return draw(location, self.run_id, kernel=self.kernel, unfold=self.unfold)
        program = load_program(parsed, pairs(self.parameters, "--param"), self.run_id)
        return draw(program, kernel=self.kernel, unfold=self.unfold)


def write(picture: Picture, output: str, format: str | None) -> None:
    """Write the picture; where it cannot be drawn, its text as DOT and Mermaid instead, and `PictureError` says so."""
    file = Path(output)
    kind = format or format_of(file)
    try:
        data = picture.render(kind)
    except PictureError as error:
        texts = [file.with_suffix(ending) for ending in (".dot", ".mmd")]
        for text in texts:
            _put(text, picture.render(format_of(text)))
        raise PictureError(f"{file} is not drawn, its text is in {texts[0]} and {texts[1]}: {error}") from None
    _put(file, data)


def _put(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise PictureError(f"{file} cannot be written: {error.strerror}; give another FILE") from None
