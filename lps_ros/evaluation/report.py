"""A self-contained HTML page: text, tables, plots and pictures in one file, nothing loaded."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
import io
from pathlib import Path
from typing import TYPE_CHECKING

from lps_ros.data.files import write_text
import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f4f5f7; color: #1d2433; line-height: 1.5;
       font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
main { max-width: 66rem; margin: 2rem auto; padding: 2rem 2.5rem; background: #fff;
       border: 1px solid #dfe3ea; border-radius: 8px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .6rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; padding-bottom: .25rem;
     border-bottom: 1px solid #dfe3ea; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; max-width: 52rem; }
ul { margin: .7rem 0; padding-left: 1.3rem; max-width: 52rem; }
li { margin: .25rem 0; padding-left: .2rem; }
li.good::marker { content: '\\2713\\00a0'; color: #1a7f4b; }
li.bad::marker { content: '\\2717\\00a0'; color: #b3261e; }
li.plain::marker { content: '\\2013\\00a0'; color: #5b6577; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .7rem 0; font-variant-numeric: tabular-nums; }
caption, figcaption { text-align: left; color: #5b6577; font-size: .88rem; padding: .2rem 0; }
caption { caption-side: bottom; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #c3cad6; font-weight: 600; }
tbody td { border-bottom: 1px solid #eceff4; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; display: block; }
.strip { display: flex; flex-wrap: wrap; gap: .5rem; }
.strip figure { margin: 0; }
.strip img { border-radius: 4px; border: 1px solid #dfe3ea; }
code, pre { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .88em; }
pre { background: #f4f5f7; padding: .7rem 1rem; overflow-x: auto; border-radius: 4px; }
@media print { body { background: #fff; } main { border: 0; margin: 0 auto; } }
"""


class Report:
    """
    Collects the parts of a page in order and writes them as one HTML file.

    All text is escaped. Every method that adds a part returns the report, so calls can be chained.

    :param title: the page's title and first heading
    """

    def __init__(self, title: str) -> None:
        """Start with the title alone."""
        self._title = escape(title)
        self._parts = [f'<h1>{self._title}</h1>']

    def heading(self, text: str, level: int = 2) -> Report:
        """Add a heading of level 2 or 3."""
        self._parts.append(f'<h{level}>{escape(text)}</h{level}>')
        return self

    def paragraph(self, text: str) -> Report:
        """Add a paragraph."""
        self._parts.append(f'<p>{escape(text)}</p>')
        return self

    def code(self, text: str) -> Report:
        """Add a block of commands or output, in a fixed-width font."""
        self._parts.append(f'<pre>{escape(text)}</pre>')
        return self

    def findings(self, findings: Sequence[tuple[bool | None, str]]) -> Report:
        """Add a list of sentences, each marked as good (True), bad (False) or neither (None)."""
        kinds = {True: 'good', False: 'bad', None: 'plain'}
        items = ''.join(f'<li class="{kinds[good]}">{escape(text)}</li>'
                        for good, text in findings)
        self._parts.append(f'<ul>{items}</ul>')
        return self

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]],
              caption: str = '') -> Report:
        """Add a table; first column to the left, the others to the right."""
        def cells(tag: str, row: Sequence[object]) -> str:
            texts = ''.join(f'<{tag}>{escape(str(cell))}</{tag}>' for cell in row)
            return f'<tr>{texts}</tr>'

        note = f'<caption>{escape(caption)}</caption>' if caption else ''
        body = ''.join(cells('td', row) for row in rows)
        self._parts.append(
            f'<div class="scroll"><table>{note}<thead>{cells("th", headers)}</thead>'
            f'<tbody>{body}</tbody></table></div>')
        return self

    def plot(self, figure: Figure, caption: str = '') -> Report:
        """Add a matplotlib figure as a PNG picture."""
        buffer = io.BytesIO()
        # Without metadata the same figure gives the same bytes.
        figure.savefig(buffer, format='png', dpi=110, metadata={'Software': None})
        source = _data_url('png', buffer.getvalue())
        note = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
        self._parts.append(f'<figure><img alt="{escape(caption)}" src="{source}">{note}</figure>')
        return self

    def pictures(self, frames: Sequence[np.ndarray], captions: Sequence[str] | None = None,
                 height_px: int = 160) -> Report:
        """
        Add a strip of pictures, JPEG encoded, shown at one height.

        :param frames: (h, w, 3) uint8 RGB each
        :param captions: a line under each picture
        """
        import cv2
        captions = captions or [''] * len(frames)
        items = []
        for frame, caption in zip(frames, captions, strict=True):
            frame = np.asarray(frame)
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(f'picture of shape {frame.shape}, {frame.dtype}: expected '
                                 '(h, w, 3) uint8 RGB; convert it first')
            encoded, data = cv2.imencode('.jpg', frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
            if not encoded:
                raise ValueError(f'picture of shape {frame.shape} could not be encoded as JPEG')
            items.append(f'<figure><img alt="{escape(caption)}" height="{height_px}" '
                         f'src="{_data_url("jpeg", data.tobytes())}">'
                         f'<figcaption>{escape(caption)}</figcaption></figure>')
        self._parts.append(f'<div class="strip">{"".join(items)}</div>')
        return self

    def html(self) -> str:
        """Return the page."""
        body = '\n'.join(self._parts)
        return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width, initial-scale=1">'
                f'<title>{self._title}</title><style>{_STYLE}</style></head>\n'
                f'<body><main>\n{body}\n</main></body></html>\n')

    def write(self, path: str | Path) -> Path:
        """Write the page, complete or not at all; return its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.html())
        return path


def _data_url(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode("ascii")}'
