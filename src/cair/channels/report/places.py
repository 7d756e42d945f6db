"""Where they are: provinces as a tile map, bars and a table; waves and rulebooks."""

from functools import cache
from importlib.resources import files

import yaml

from cair.channels.report.charts import MIDDLE, NO_FIGURE, SCALE, Bar, Caption, Tile, short_bars, tiles
from cair.channels.report.figures import Cell
from cair.channels.report.markup import Markup, tag
from cair.channels.report.view import View, caption_of, panel, picture, section, table
from cair.programme.provinces import provinces
from cair.programme.sentences import one_line


def places(view: View) -> Markup:
    """Provinces as a tile map, bars and a table; waves and rulebooks as tables."""
    cells: dict[str, Cell] = {
        code: ("not_bought", "province", code) for code in view.by_count("not_bought", "province")
    }
    rows = [Bar(_province(view, code), view.parts(cell), view.number(cell)) for code, cell in cells.items()]
    drawing = short_bars(rows, [MIDDLE], caption_of(view, "places_picture", rows)) if rows else None
    return section(
        view,
        "places",
        panel(
            tag("div", _tile_map(view), picture(view, "places_picture", drawing)),
            tag("div", *[_measures(view, dimension) for dimension in ("province", "wave", "rulebook")]),
        ),
    )


def _province(view: View, code: str) -> str:
    return one_line(view.facts.provinces.get(code, code))


def _measures(view: View, dimension: str) -> Markup:
    name = view.words.word("dimension", dimension).capitalize()
    values = view.by_count("appointed", dimension)
    if dimension == "wave":
        values.sort(key=lambda value: (len(value), value))
    lines = [[_place(view, dimension, value), *_row(view, dimension, value)] for value in values]
    measures = [view.words.word("measure", measure) for measure in ("appointed", "not_bought", "bought", "revoked")]
    return table(name, [name, *measures[:2], "%", *measures[2:]], lines, [[view.words.screen("total"), *_row(view)]])


def _row(view: View, *place: str) -> list[Markup]:
    """What counts first, for a phone shows the first columns."""
    appointed, unsold = ("appointed", *place), ("not_bought", *place)
    share = tag("td", view.share(unsold, appointed), class_="n")
    return [
        view.count(appointed),
        view.count(unsold),
        share,
        view.count(("bought", *place)),
        view.count(("revoked", *place)),
    ]


def _place(view: View, dimension: str, value: str) -> str:
    if dimension == "province":
        return _province(view, value)
    return view.words.word("rulebook", value) if dimension == "rulebook" else value


LEAST_FOR_A_SHARE = 30
"""People; a share of fewer says more about chance than about the province."""


@cache
def _tile_places() -> dict[str, tuple[int, int]]:
    text = (files("cair.channels.report") / "tiles.yaml").read_text("utf-8")
    return {code: (column, row) for code, (column, row) in yaml.safe_load(text).items()}


def _tile_map(view: View) -> Markup:
    """The share that has not bought, in classes of equal width from the smallest share shown to the greatest."""
    shares = {code: share for code in _tile_places() if (share := _unsold(view, code)) is not None}
    low, high = min(shares.values(), default=0.0), max(shares.values(), default=0.0)
    width = (high - low) / len(SCALE)
    grades = {code: min(int((share - low) / width), len(SCALE) - 1) if width else 0 for code, share in shares.items()}
    readings = {code: f"{100 * share:.0f}" for code, share in shares.items()}
    drawn = [
        Tile(column, row, provinces()[code].letters, grades.get(code), readings.get(code, ""))
        for code, (column, row) in _tile_places().items()
    ]
    say = view.words.text
    edges = [view.words.percent(round(1000 * (low + grade * width)), 1000) for grade in range(len(SCALE) + 1)]
    legend = [
        (colour, say("tiles_class", low=edges[grade], high=edges[grade + 1]))
        for grade, colour in enumerate(SCALE)
        if width
    ]
    caption = Caption(view.ident("tiles_picture"), say("tiles_picture"), say("tiles_say"))
    drawing = tiles(drawn, caption) if shares else None
    return picture(
        view, "tiles_picture", drawing, [*legend, (NO_FIGURE, say("tiles_none", least=str(LEAST_FOR_A_SHARE)))]
    )


def _unsold(view: View, code: str) -> float | None:
    share = view.figures.share(("not_bought", "province", code), ("appointed", "province", code))
    return None if share is None or share[1] < LEAST_FOR_A_SHARE else share[0] / share[1]
