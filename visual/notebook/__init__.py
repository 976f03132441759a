"""What a notebook shows of a flow or a kernel program, offered through the entry points `eventcore.notebook`."""

from visual.notebook.picture import bundle
from visual.notebook.progress import NotebookProgress

__all__ = ["NotebookProgress", "bundle"]
