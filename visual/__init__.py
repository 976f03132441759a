"""Pictures of programs and runs, from what the store keeps of them; the user's code is not needed.

`outline` reads a stored program, `standing` how a run stands, `graph` and `kernel` lay both out as `shapes`, `folding`
makes large graphs legible, `dot` and `mermaid` write text and `render` makes pictures of it. `tree` is the terminal's
view, `report` a run as one HTML file.
"""

from visual.errors import PictureError
from visual.graph.draw import Picture, draw
from visual.report.build import report

__all__ = ["Picture", "PictureError", "draw", "report"]
