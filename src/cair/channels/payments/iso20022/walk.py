"""Reading XML of any size in small memory: only elements that are asked for by their path are looked at.

Nothing is fetched, no entity is expanded, and every measure that a hostile file could drive up has a limit.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from cair.channels.payments.settlement import StatementRefusal, UnableToReadStatement

CHUNK = 1 << 18
DEEPEST = 100
"""Levels of elements; the deepest path of the standard's messages has about 20."""
LONGEST_TEXT = 2_000
"""Characters of one text that is kept; the longest of the standard's has 500."""
LONGEST_TOKEN = 4 << 20
"""Bytes the parser may hold back for one tag, comment or the like that has not ended."""
MOST_NAMES = 5_000
"""Different names of elements and attributes in one file."""

_ENDS_EARLY = frozenset({"no element found", "unclosed token", "partial character", "unclosed CDATA section"})
_BETWEEN = "}"

Record = dict[str, str]
Happening = Callable[[], None]


@dataclass(slots=True, eq=False)
class Element:
    """What to do at one path.

    :ivar keep: name under which the text is kept in `record`, the attribute `Ccy` beside it as `<keep>.Ccy`.
    :ivar many: the standard allows several; the first is kept.
    :ivar begin: called when it opens, `end` when it closes.
    """

    inside: dict[str, "Element"] = field(default_factory=dict)
    record: Record | None = None
    keep: str | None = None
    many: bool = False
    begin: Happening | None = None
    end: Happening | None = None


_NOTHING = Element()


class Walker:
    """One pass over one file.

    :param elements_of: gives what to look at inside the message, from the walker, its namespace and its local name.
    """

    def __init__(self, source: BinaryIO, elements_of: Callable[["Walker", str, str], Element]) -> None:
        self._source = source
        self._elements_of = elements_of
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate(None, _BETWEEN, self._names)
        self._pieces: list[str] = []
        self._element = _NOTHING
        self._above: list[Element] = []
        self._unseen = 0
        self._namespace: str | None = None
        self._body: Element | None = None
        self._fed = 0

    def run(self) -> Iterator[None]:
        """Read the file, coming back after every chunk.

        :raises UnableToReadStatement: TRUNCATED, NOT_WELL_FORMED, DOCTYPE, TOO_DEEP, TOO_LONG, REPEATED_ELEMENT,
            NOT_A_STATEMENT, UNREADABLE, and what the happenings raise.
        """
        parser = self._parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._pieces.append
        parser.StartDoctypeDeclHandler = self._doctype
        while chunk := self._read():
            self._parse(chunk, last=False)
            self._check_limits()
            yield
        self._parse(b"", last=True)
        if self._body is None:
            raise self.refuse(StatementRefusal.NOT_A_STATEMENT, "Document is empty")
        yield

    @property
    def place(self) -> str:
        """Where the reading is, for sentences."""
        return f"line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"

    def refuse(self, refusal: StatementRefusal, why: str) -> UnableToReadStatement:
        """Make the refusal of the file, with the place."""
        return UnableToReadStatement(refusal, f"{self.place}: {why}")

    def _read(self) -> bytes:
        try:
            chunk = self._source.read(CHUNK)
        except (OSError, EOFError) as trouble:
            why = f"the file cannot be read to its end ({type(trouble).__name__}); fetch it again"
            raise UnableToReadStatement(StatementRefusal.UNREADABLE, why) from None
        self._fed += len(chunk)
        return chunk

    def _parse(self, chunk: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as trouble:
            said = expat.ErrorString(trouble.code) or "unknown trouble"
            place = f"line {trouble.lineno}, column {trouble.offset + 1}"
            if last and said in _ENDS_EARLY:
                why = f"{place}: the file ends before its document does; fetch it again from the bank"
                raise UnableToReadStatement(StatementRefusal.TRUNCATED, why) from None
            why = f"{place}: not well-formed XML ({said}); ask the bank for the file as it was made"
            raise UnableToReadStatement(StatementRefusal.NOT_WELL_FORMED, why) from None

    def _check_limits(self) -> None:
        held = self._fed - max(self._parser.CurrentByteIndex, 0)
        if held > LONGEST_TOKEN:
            raise self.refuse(StatementRefusal.TOO_LONG, f"a tag or comment of more than {LONGEST_TOKEN:,} bytes")
        if len(self._names) > MOST_NAMES:
            why = f"more than {MOST_NAMES:,} different names of elements; no bank file has so many"
            raise self.refuse(StatementRefusal.TOO_LONG, why)
        if self._unseen or self._element.keep is None:
            self._pieces.clear()
        elif sum(map(len, self._pieces)) > LONGEST_TEXT:
            raise self._too_long()

    def _too_long(self) -> UnableToReadStatement:
        why = f"a text of more than {LONGEST_TEXT:,} characters where the standard has 500 at most"
        return self.refuse(StatementRefusal.TOO_LONG, why)

    def _doctype(self, *_: object) -> None:
        why = "the file declares a document type, which no bank file does; do not open it, ask the bank"
        raise self.refuse(StatementRefusal.DOCTYPE, why)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._unseen:
            self._unseen += 1
            if self._unseen > DEEPEST:
                raise self.refuse(StatementRefusal.TOO_DEEP, f"more than {DEEPEST} elements inside each other")
            return
        element = self._element.inside.get(name)
        if element is None:
            if self._element is not _NOTHING:
                self._unseen = 1
                return
            element = self._outermost(name)
        self._above.append(self._element)
        self._element = element
        if element.keep is not None:
            self._pieces.clear()
            if attributes and "Ccy" in attributes and element.record is not None:
                element.record.setdefault(element.keep + ".Ccy", attributes["Ccy"])
        if element.begin is not None:
            element.begin()

    def _end(self, _: str) -> None:
        if self._unseen:
            self._unseen -= 1
            return
        element = self._element
        if element.keep is not None:
            pieces = self._pieces
            text = (pieces[0] if len(pieces) == 1 else "".join(pieces)).strip()
            pieces.clear()
            if text:
                self._keep(element, text)
        if element.end is not None:
            element.end()
        self._element = self._above.pop()

    def _keep(self, element: Element, text: str) -> None:
        assert element.record is not None, "a text is kept somewhere"
        assert element.keep is not None, "a text is kept by a name"
        if len(text) > LONGEST_TEXT:
            raise self._too_long()
        if element.keep in element.record:
            if element.many:
                return
            why = f"{element.keep} is there twice where the standard has it once; ask the bank for a mended file"
            raise self.refuse(StatementRefusal.REPEATED_ELEMENT, why)
        element.record[element.keep] = text

    def _outermost(self, name: str) -> Element:
        """The element of `Document`, then of the one inside it, which says what message this is."""
        namespace, _, local = name.rpartition(_BETWEEN)
        if self._namespace is None:
            if local != "Document":
                why = "the outermost element is not Document; this is not a file of ISO 20022"
                raise self.refuse(StatementRefusal.NOT_A_STATEMENT, why)
            self._namespace = namespace
            return _NOTHING
        if self._body is not None:
            raise self.refuse(StatementRefusal.REPEATED_ELEMENT, "Document holds two messages; ask for one a file")
        if namespace != self._namespace:
            why = "Document and the element inside it are of two namespaces"
            raise self.refuse(StatementRefusal.WRONG_NAMESPACE, why)
        self._body = self._elements_of(self, namespace, local)
        return self._body


def qualified(element: Element, namespace: str) -> Element:
    """Put the namespace before all names under an element, in place: names are compared whole, so one look-up each."""
    if namespace:
        element.inside = {
            f"{namespace}{_BETWEEN}{name}": qualified(inside, namespace) for name, inside in element.inside.items()
        }
    return element


_STEP = re.compile(r"[A-Za-z0-9]+")


def put(root: Element, path: str) -> Element:
    """Give the element at a path such as `Refs/EndToEndId`, made where it is not there yet."""
    for name in _STEP.findall(path):
        root = root.inside.setdefault(name, Element())
    return root


def keep(root: Element, record: Record, paths: Mapping[str, str], *, many: bool = False) -> None:
    """Keep the texts at paths below an element in a record, by name; of alternative paths, parted by spaces, one is."""
    for name, alternatives in paths.items():
        for path in alternatives.split():
            element = put(root, path)
            element.record, element.keep, element.many = record, name, many
