"""The report as one file: both languages, pictures and style inside, nothing from the network."""

from importlib.resources import files
from pathlib import Path
from string import Template

from cair.channels.report.answers import sums, why_not_bought, why_not_paid
from cair.channels.report.charts import drawing
from cair.channels.report.evidence import breaks, ladder, waits
from cair.channels.report.facts import ReportFacts, UnableToWriteReport
from cair.channels.report.figures import Figures, figures_of
from cair.channels.report.intake import intake, money, notes
from cair.channels.report.markup import Markup, join, tag
from cair.channels.report.places import places
from cair.channels.report.view import MARK, View
from cair.channels.report.words import LANGUAGES, Language, Words
from cair.rules.disclosure import LEAST_PUBLISHED

CONTENTS = ("buy", "pay", "ladder", "waits", "breaks", "places", "money", "intake", "notes")


def write_report(facts: ReportFacts, path: Path, *, public: bool = False) -> Path:
    """Writes the report to `path` and returns it: UTF-8, the same bytes for the same facts.

    The public report withholds small counts and what would reveal them, and leaves out money and the names of files.
    Raises UnableToWriteReport when the public report is asked for and the counts do not add up, or when `path` cannot
    be written.
    """
    page = report_page(facts, public=public)
    try:
        path.write_bytes(page.encode("utf-8"))
    except OSError as error:
        raise UnableToWriteReport(
            f"The report was not written to {path}: {error.strerror}. Name a file in a folder that can be written to."
        ) from error
    return path


def report_page(facts: ReportFacts, *, public: bool) -> str:
    """The whole page as text."""
    figures = figures_of(facts, public=public)
    room = files("cair.channels.report")
    with drawing():
        articles = [_article(facts, figures, lang, public=public) for lang in LANGUAGES]
    return Template((room / "page.html").read_text("utf-8")).substitute(
        title=join(" / ".join(Words(lang).text("title") for lang in LANGUAGES)),
        style=(room / "style.css").read_text("utf-8"),
        switches=Markup("\n").join(_switch(lang) for lang in LANGUAGES),
        articles=Markup("\n").join(articles),
    )


def _switch(lang: Language) -> Markup:
    """A radio button: the style shows the article of the language that is chosen, without a script."""
    ident = f"language-{lang}"
    button = tag("input", type="radio", name="language", id=ident, class_="switch", checked=lang == LANGUAGES[0])
    return join([button, tag("label", Words(lang).text("language"), for_=ident, lang=lang)])


def _article(facts: ReportFacts, figures: Figures, lang: Language, *, public: bool) -> Markup:
    view = View(Words(lang), figures, facts)
    with_money = facts.money is not None and not public
    return tag(
        "article",
        _header(view, public=public, names=[name for name in CONTENTS if name != "money" or with_money]),
        sums(view),
        why_not_bought(view),
        why_not_paid(view),
        ladder(view),
        waits(view),
        breaks(view),
        places(view),
        money(view) if with_money else None,
        intake(view, with_refused=not public),
        notes(view),
        lang=lang,
    )


def _header(view: View, *, public: bool, names: list[str]) -> Markup:
    say, facts = view.words.text, view.facts
    made_up = say("made_up", people=view.words.number(facts.people), seed=str(facts.seed))
    public_note = say("public_note", mark=MARK, least=str(LEAST_PUBLISHED))
    links = [tag("li", tag("a", say(f"{name}_heading"), href=f"#{view.ident(name)}")) for name in names]
    return tag(
        "header",
        tag("h1", say("title")),
        tag("p", say("subtitle"), class_="answer"),
        tag("p", say("as_of", moment=view.words.moment(facts.as_of)), class_="moment"),
        tag("p", made_up, class_="note") if facts.seed is not None else None,
        tag("p", public_note, class_="note") if public else None,
        tag("nav", tag("ul", *links), aria_label=say("contents")),
    )
