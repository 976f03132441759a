"""Where a program is written: from its file come its name and the place of its runs, unless it says otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from eventcore.act.own_folder import log_root
from eventcore.record.location import store_location
from eventcore.run import jupyter
from eventcore.run.caller import calling_file
from eventcore.run.capture import current_capture


class Origin(msgspec.Struct, frozen=True):
    """Where a program is written."""

    file: str | None  #: of a script, a module or a notebook, where it is known
    notebook: bool = False  #: whether it is written in a notebook's cell
    loaded: str | None = None  #: how the shell loaded it, as JSON text

    @classmethod
    def here(cls) -> Origin:
        """That of the program which the calling code builds."""
        capture, file = current_capture(), calling_file()
        if capture is not None:
            file = file if capture.file is None else str(capture.file.resolve())
            return cls(file, loaded=capture.origin)
        if file is None and jupyter.shell() is not None:
            return cls(jupyter.notebook_file(), notebook=True)
        return cls(file)

    @property
    def name(self) -> str:
        """The name of a program that is given none."""
        if self.file is not None:
            return Path(self.file).stem
        return jupyter.UNNAMED if self.notebook else "program"

    def located(self, store: str | Path, databases: Mapping[str, Any]) -> str:
        """Where a program keeps its runs that was given `store`; raises `ConfigError`."""
        unnamed = f"{jupyter.UNNAMED if self.notebook else 'eventcore'}.run.db"
        return store_location(store, databases, self.file, unnamed)

    def source(self, logdir: str) -> str:
        """How readers find the program again, by the target it was loaded by or its file, and its steps' logs."""
        file = "" if self.file is None else str(Path(self.file).resolve())
        if self.loaded is not None:
            found = json.loads(self.loaded)
        elif self.notebook:
            found = {"notebook": file}
        else:
            found = {"target": file} if file else {}
        return json.dumps(found | {"logdir": log_root(logdir)[0]})
