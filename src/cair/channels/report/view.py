"""The forms all sections share: a number, a sum written out, a table, a picture with its legend."""

from collections.abc import Sequence
from dataclasses import dataclass

from cair.channels.report.charts import Bar, Caption
from cair.channels.report.facts import ReportFacts
from cair.channels.report.figures import Cell, Figures
from cair.channels.report.markup import Content, Markup, tag
from cair.channels.report.words import Words

MARK = "*"
"""Stands for a withheld count."""
UNKNOWN = "—"


@dataclass(frozen=True)
class View:
    """One language's view of the figures."""

    words: Words
    figures: Figures
    facts: ReportFacts

    def ident(self, name: str) -> str:
        """An id that is unique on the page."""
        return f"{self.words.lang}-{name}"

    def number(self, cell: Cell) -> str:
        """The count as text: a mark when it is withheld, a dash when it is not known."""
        count = self.figures.shown(cell)
        if count is not None:
            return self.words.number(count)
        return MARK if cell in self.figures.withheld else UNKNOWN

    def count(self, cell: Cell) -> Markup:
        """A cell of a table with a count."""
        text = self.number(cell)
        if text == MARK:
            return tag("td", tag("abbr", MARK, title=self.words.text("withheld")), class_="n")
        if text == UNKNOWN:
            return tag("td", tag("abbr", UNKNOWN, title=self.words.text("unknown")), class_="n")
        return tag("td", text, class_="n")

    def parts(self, *cells: Cell) -> tuple[int | None, ...]:
        """The counts of these cells as parts of a bar."""
        return tuple(self.figures.shown(cell) for cell in cells)

    def share(self, part: Cell, whole: Cell) -> str:
        """Part of whole in percent, or what stands for it."""
        share = self.figures.share(part, whole)
        if share is not None:
            return self.words.percent(*share)
        return MARK if {part, whole} & self.figures.withheld else UNKNOWN

    def by_count(self, *prefix: str) -> list[str]:
        """The values under the prefix that count at all, the greatest first; withheld ones last, so that their place
        in the order tells nothing."""
        shown = {value: self.figures.shown((*prefix, value)) for value in self.figures.under(*prefix)}
        present = [value for value, count in shown.items() if count != 0]
        return sorted(present, key=lambda value: (-(shown[value] or 0), value))

    def identity(self, total: Cell, parts: Sequence[Cell]) -> Markup:
        """A sum written out, with what it is about, and whether it holds."""
        gap = self.figures.counts.get(total, 0) - sum(self.figures.counts.get(part, 0) for part in parts)
        terms = [self._term(total), *[self._term(part, "+" if place else "=") for place, part in enumerate(parts)]]
        text = self.words.text("off_by", gap=self.words.number(gap)) if gap else self.words.screen("adds_up")
        return tag("p", *terms, tag("span", "✗ " if gap else "✓ ", text, class_="verdict"), class_="identity")

    def _term(self, cell: Cell, sign: str = "") -> Markup:
        if cell[0] == "ladder":
            name = self.words.word("step", cell[1])
        elif cell == ("reached", "finished"):
            name = self.words.text("finishers")
        elif cell[0] in ("due", "blocked"):
            name = self.words.text(cell[0])
        else:
            name = self.words.word("measure", cell[0])
        lead = [tag("span", sign, class_="sign"), " "] if sign else None
        return tag("span", lead, tag("b", self.number(cell)), " ", name, class_="term")


def section(view: View, name: str, *content: Content) -> Markup:
    """A section with its heading; `name` is the stem of its texts."""
    heading = tag("h2", view.words.text(f"{name}_heading"), id=view.ident(name))
    return tag("section", heading, *content, aria_labelledby=view.ident(name))


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[Content]], feet: Sequence[Sequence[Content]] = ()
) -> Markup:
    """A table whose first column names the row; all else are finished cells."""
    head = tag("tr", *[tag("th", name, scope="col", class_="n" if place else None) for place, name in enumerate(heads)])
    grid = tag(
        "table",
        tag("caption", caption),
        tag("thead", head),
        tag("tbody", *[_row(row) for row in rows]),
        tag("tfoot", *[_row(row) for row in feet]) if feet else None,
    )
    return tag("div", grid, class_="scroll", role="region", tabindex="0", aria_label=caption)


def _row(row: Sequence[Content]) -> Markup:
    first, *rest = row
    return tag("tr", tag("th", first, scope="row"), *rest)


def picture(view: View, name: str, drawing: Markup | None, legend: Sequence[tuple[str, str]] = ()) -> Markup:
    """A picture under its title and legend (colour, meaning); without a drawing it says that there is none."""
    marks = [tag("span", tag("i", style=f"background:{colour}"), meaning) for colour, meaning in legend]
    return tag(
        "figure",
        tag("figcaption", tag("b", view.words.text(name)), tag("span", *marks, class_="legend") if marks else None),
        drawing or tag("p", view.words.text("empty_picture"), class_="empty"),
        class_="picture",
    )


def panel(*content: Content) -> Markup:
    """A picture and its tables, side by side where there is room."""
    return tag("div", *content, class_="panel")


def caption_of(view: View, name: str, rows: Sequence[Bar]) -> Caption:
    """What a bar chart says to those who do not see it: its longest bars."""
    longest = sorted(rows, key=lambda row: -sum(part or 0 for part in row.parts))[:3]
    says = "; ".join(f"{row.name} {row.reading}" for row in longest)
    return Caption(view.ident(name), view.words.text(name), view.words.text("picture_says", longest=says))
