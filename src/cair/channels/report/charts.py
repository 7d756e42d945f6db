"""Pictures of the report as inline SVG whose text stays text: 360 units wide, so that a phone shows them at full size.

Lengths are units of the picture; one unit is one CSS pixel on a phone. Colours hold for the colour-blind and in grey
print: neighbours differ in lightness, and every number is written out or in the table beside the picture.
"""

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree

from matplotlib import style as mpl_style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cair.channels.report.markup import Markup, tag

WIDTH = 360
PALE, DARK = "#8fc1e3", "#9a3412"
"""In time and overdue; went further and stopped here."""
MIDDLE = "#2b6ca3"
"""Bars of one series."""
SCALE = ("#e3eef7", "#b3d1e8", "#74a9d0", "#2f77ad", "#0f3f6b")
"""Five classes, the darker the more."""
NO_FIGURE = "#ffffff"
INK, QUIET, EDGE = "#1c2733", "#4b5a68", "#46586a"

_LABEL, _SMALL = 13, 11.5
_LINE, _BAR, _GAP = 17, 12, 12
_SIGN, _READINGS = 6.6, 50
"""Width of a sign of a name left of its bar, and of the reading right of it."""
_TILE = WIDTH / 16
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@contextmanager
def drawing() -> Iterator[None]:
    """Inside, pictures depend on their counts alone: no settings of the machine, no salt of the day."""
    own = {"svg.fonttype": "none", "svg.hashsalt": "cair"}
    with mpl_style.context(["default", own]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@dataclass(frozen=True)
class Bar:
    """One bar: its parts from left to right (None: withheld, not drawn), what is written at its end, and a note."""

    name: str
    parts: tuple[int | None, ...]
    reading: str
    note: str = ""


@dataclass(frozen=True)
class Tile:
    """One province on the tile map: where it stands, its letters, its class in SCALE (None: no figure), its reading."""

    column: int
    row: int
    letters: str
    grade: int | None
    reading: str


@dataclass(frozen=True)
class Caption:
    """What a reader who does not see the picture hears. `ident` is unique on the page."""

    ident: str
    title: str
    description: str


def bars(rows: Sequence[Bar], colours: Sequence[str], caption: Caption) -> Markup:
    """Bars with the name above each: for names of any length."""
    names = [_lines(row) for row in rows]
    axes = _canvas(sum(len(lines) * _LINE + _BAR + _GAP for lines in names))
    top, unit = 0.0, WIDTH / _longest(rows)
    for row, lines in zip(rows, names, strict=True):
        _text(axes, WIDTH, top + _LINE * 0.4, row.reading, size=_LABEL, align="right", weight="bold")
        for line in lines:
            note = line == row.note
            _text(axes, 0, top + _LINE * 0.4, line, size=_SMALL if note else _LABEL, ink=QUIET if note else INK)
            top += _LINE
        _bar(axes, 0, top, row.parts, colours, unit)
        top += _BAR + _GAP
    return _inline(axes, caption)


def _lines(row: Bar) -> list[str]:
    """The name on one or two lines that leave room for the reading, then the note."""
    room = 42 - len(row.reading)
    names = textwrap.wrap(row.name, room, max_lines=2, placeholder=" …", break_on_hyphens=True) or [""]
    return [*names, *([row.note] if row.note else [])]


def short_bars(rows: Sequence[Bar], colours: Sequence[str], caption: Caption) -> Markup:
    """Bars with the name to the left: for many rows with short names."""
    axes = _canvas(len(rows) * (_BAR + 7))
    names = [textwrap.shorten(row.name, 26, placeholder=" …") for row in rows]
    start = max(map(len, names), default=0) * _SIGN + 6
    unit = (WIDTH - start - _READINGS) / _longest(rows)
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        top = place * (_BAR + 7) + 3
        middle = top + _BAR / 2
        _text(axes, 0, middle, name, size=_SMALL)
        end = _bar(axes, start, top, row.parts, colours, unit)
        _text(axes, end + 4, middle, row.reading, size=_SMALL)
    return _inline(axes, caption)


def tiles(places: Sequence[Tile], caption: Caption) -> Markup:
    """The tile map: one tile per province, about where it lies."""
    tall = _TILE * 1.5
    axes = _canvas((max(place.row for place in places) + 1) * tall)
    for place in places:
        left, top = place.column * _TILE, place.row * tall
        face = NO_FIGURE if place.grade is None else SCALE[place.grade]
        ink = "#ffffff" if place.grade is not None and place.grade > 2 else INK
        axes.add_patch(
            Rectangle((left + 0.75, top + 0.75), _TILE - 1.5, tall - 1.5, fc=face, ec=EDGE, lw=0.6, clip_on=False)
        )
        _text(axes, left + _TILE / 2, top + tall * 0.32, place.letters, size=10, align="center", weight="bold", ink=ink)
        _text(axes, left + _TILE / 2, top + tall * 0.7, place.reading, size=10, align="center", ink=ink)
    return _inline(axes, caption)


def _longest(rows: Sequence[Bar]) -> int:
    return max((sum(part or 0 for part in row.parts) for row in rows), default=0) or 1


def _canvas(height: float) -> Axes:
    figure = Figure(figsize=(WIDTH / 72, max(height, 1) / 72))
    FigureCanvasSVG(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(max(height, 1), 0)
    axes.axis("off")
    return axes


def _text(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    align: str = "left",
    weight: str = "normal",
    ink: str = INK,
) -> None:
    axes.text(x, y, text, fontsize=size, ha=align, va="center_baseline", fontweight=weight, color=ink, parse_math=False)


def _bar(
    axes: Axes, left: float, top: float, parts: Sequence[int | None], colours: Sequence[str], unit: float
) -> float:
    """Draws the parts end to end and returns where the bar ends; a count that is not zero is never thinner than 1."""
    for part, colour in zip(parts, colours, strict=True):
        if part:
            wide = max(part * unit, 1.0)
            axes.add_patch(Rectangle((left, top), wide, _BAR, fc=colour, ec=EDGE, lw=0.4, clip_on=False))
            left += wide
    return left


def _inline(axes: Axes, caption: Caption) -> Markup:
    """The drawing as an element of the page: no ids but the caption's, no namespaces, no size but its shape."""
    out = io.StringIO()
    axes.figure.canvas.print_figure(out, format="svg", facecolor="none", metadata=_NO_METADATA)
    root = ElementTree.fromstring(out.getvalue())  # noqa: S314 - written by matplotlib just now
    pieces = [_plain(child) for child in root if _local(child.tag) == "g"]
    return tag(
        "svg",
        tag("title", caption.title, id=f"{caption.ident}-title"),
        tag("desc", caption.description, id=f"{caption.ident}-says"),
        *[Markup(re.sub(r"\s*\n\s*", "", ElementTree.tostring(piece, encoding="unicode"))) for piece in pieces],
        role="img",
        viewBox=root.get("viewBox"),
        aria_labelledby=f"{caption.ident}-title",
        aria_describedby=f"{caption.ident}-says",
    )


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _plain(element: ElementTree.Element) -> ElementTree.Element:
    """The element without ids and namespaces, so that pictures on one page cannot disturb each other."""
    kept = {_local(key): value for key, value in element.items() if key != "id"}
    plain = ElementTree.Element(_local(element.tag), kept)
    plain.text, plain.tail = element.text, element.tail
    plain.extend(_plain(child) for child in element)
    return plain
