"""Pages of the documentation as written, in Markdown: their blocks, links and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support import ROOT

DOCS = ROOT / "docs"
GUIDE = [DOCS / "index.md", *sorted(DOCS.glob("guide/*.md"))]  #: pages whose programs are run


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int


def parts(markdown: str) -> Iterator[str | Block]:
    """The lines and the blocks of a page, in order."""
    lines = enumerate(markdown.splitlines(keepends=True), 1)
    for number, line in lines:
        if not line.startswith("```"):
            yield line
            continue
        body = []
        for _, inner in lines:
            if inner.startswith("```"):
                break
            body.append(inner)
        yield Block(line[3:].strip(), "".join(body), number)


def blocks_of(markdown: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [part for part in parts(markdown) if isinstance(part, Block)]


def prose_of(markdown: str) -> str:
    """A page without its fenced blocks."""
    return "".join(part for part in parts(markdown) if isinstance(part, str))


def links_of(markdown: str) -> list[str]:
    """Where a page links to."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose_of(markdown)))


def anchors_of(markdown: str) -> set[str]:
    """The anchors of a page's headings, as forges and the site make them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
