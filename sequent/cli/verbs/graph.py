"""`sequent graph`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from sequent.cli.options import parameter_option, path_argument, run_id_option, store_option, target_argument

if TYPE_CHECKING:
    from visual.graph.draw import Picture

FORMATS = ("dot", "mermaid", "svg", "png", "pdf")


@click.command("graph")
@target_argument
@path_argument("path", "[PATH]", required=False)
@store_option
@run_id_option
@click.option("-o", "--output", metavar="FILE", help="FILE.svg, .png, .pdf, .dot or .mmd; default: standard output.")
@click.option("-f", "--format", "format", type=click.Choice(FORMATS),
              help="Default: taken from FILE's name; dot on standard output.")  # fmt: skip
@click.option("--program", "program_only", is_flag=True, help="Draw the flow without a run.")
@click.option("--kernel", is_flag=True, help="Draw the events and steps that the flow was compiled to.")
@click.option("--unfold", is_flag=True, help="Draw every step, even if the graph becomes too large to read.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Draw containers inside N-1 others closed.")
@parameter_option
def command(target: str, path: str | None, store: str | None, run_id: str | None, output: str | None,
            format: str | None, program_only: bool, parameters: tuple[str, ...], **options: Any) -> int:  # fmt: skip
    """Draw the latest run of TARGET, or the flow itself if it has not run yet; with PATH, that step and its neighbours.

    Without Graphviz, or if the graph is too large to be laid out within 10 s, the picture is written as text instead,
    to FILE's name with .dot and .mmd, and the exit code is 2.
    """
    picture = Wanted(target, store, run_id, program_only, parameters, {"path": path, **options}).picture()
    if output is None:
        click.echo(picture.render(format or "dot"), nl=False)
    else:
        _write(picture, output, format)
        click.echo(f"wrote {output}")
    return 0


class Wanted(msgspec.Struct, frozen=True):
    """Which picture is asked for."""

    target: str
    store: str | None
    run_id: str | None
    program_only: bool
    parameters: tuple[str, ...]
    options: dict[str, Any]  #: of `draw`

    def picture(self) -> Picture:
        """The run of the target's store where there is one and the flow was not asked for by itself."""
        from eventcore.errors import RunNotFoundError
        from eventcore.record.registry import backend_of
        from sequent.cli.chosen import chosen_run, chosen_store
        from sequent.cli.parameters import pairs
        from sequent.cli.target import load_program, parse_target
        from visual.graph.draw import draw

        parsed = parse_target(self.target)
        if not self.program_only and not self.parameters:
            location = chosen_store(parsed, self.store)
            named = self.store is not None or self.run_id is not None or parsed.store is not None
            file = backend_of(location).file
            if named or (file is not None and file.is_file()):
                with suppress(*([] if named else [RunNotFoundError])):
                    location, run_id = chosen_run(self.target, self.store, self.run_id)
                    return draw(location, run_id, **self.options)
        program = load_program(parsed, pairs(self.parameters, "--param"), self.run_id)
        return draw(program, **self.options)


def _write(picture: Picture, output: str, format: str | None) -> None:
    """Write the picture; where it cannot be drawn, its text as DOT and Mermaid instead, and `PictureError` says so."""
    from visual.errors import PictureError
    from visual.graph.draw import format_of

    file = Path(output)
    kind = format or format_of(file)
    try:
        data = picture.render(kind)
    except PictureError as error:
        texts = [file.with_suffix(ending) for ending in (".dot", ".mmd")]
        for text in texts:
            _put(text, picture.render(format_of(text)))
        raise PictureError(f"{file} could not be drawn, so its text is in {texts[0]} and {texts[1]}: {error}") from None
    _put(file, data)


def _put(file: Path, data: bytes) -> None:
    from visual.errors import PictureError

    try:
        file.write_bytes(data)
    except OSError as error:
        raise PictureError(f"{file} cannot be written: {error.strerror}; give another FILE") from None
