"""Pictures of programs and runs, from what the store keeps of them; the user's code is not needed.

`outline` reads a stored program, `standing` the state of a run. `graph` draws both, `report` writes a run as one HTML
file, `live` shows a run in the terminal, `page` in the browser, and `reasons` explains the state of its instances.
"""

from visual.errors import PictureError
from visual.graph.draw import Picture, draw
from visual.report.build import report

__all__ = ["Picture", "PictureError", "draw", "report"]
