"""Reading XML of any size in small memory: only elements that are asked for by their path are looked at.

Nothing is fetched, no entity is expanded, and every measure that a hostile file could drive up has a limit.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol
from xml.parsers import expat

from cair.channels.payments.iso20022.elements import BETWEEN, Element
from cair.channels.payments.iso20022.shapes import LONGEST_TEXT, Known, Shape, learn
from cair.channels.payments.lines import Desk
from cair.channels.payments.settlement import StatementRefusal, UnableToReadStatement

CHUNK = 1 << 18
DEEPEST = 100
"""Levels of elements; the deepest path of the standard's messages has about 20."""
LONGEST_TOKEN = 4 << 20
"""Bytes the parser may hold back for one tag, comment or the like that has not ended."""
LONGEST_ENTRY = 1 << 20
"""Bytes of an entry that is waited for whole; a longer one is walked through as it comes."""
MOST_SHAPES = 12
MOST_KNOWN = 2_000
"""Different entries of one shape that are remembered, apart from what is their own."""
MOST_NAMES = 5_000
"""Different names of elements and attributes in one file."""

_LIKE_ASCII = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1"})
_ENDS_EARLY = frozenset({"no element found", "unclosed token", "partial character", "unclosed CDATA section"})

_NOTHING = Element()
_REFERENCE = "end_to_end_id"


class Alike(Protocol):
    """Whoever makes lines of entries and can make one again for an entry that differs in its own texts alone.

    :ivar effect: what the entry walked through last added to sums, beside its line.
    """

    effect: Any

    @property
    def lines(self) -> list[Any]: ...

    def again(self, known: Known) -> None:
        """Add what an entry added to sums as often as there were others like it."""

    def own_columns(self, line: Any, own: Mapping[str, int]) -> dict[str, int]:
        """Say which columns of a line hold which of an entry's own texts, by their groups (-1: none)."""

    def is_reference(self, text: bytes) -> bool:
        """Whether the text is a reference that has nothing wrong with it."""

    def count(self) -> None:
        """Count one line more."""


class AtDesk:
    """The part of `Alike` that whoever lays lines down at a desk has in common."""

    def __init__(self, walker: "Walker", desk: Desk) -> None:
        self._walker = walker
        self._desk = desk
        self.effect: Any = None

    @property
    def lines(self) -> list[Any]:
        """Where lines are laid down."""
        return self._desk.lines

    def is_reference(self, text: bytes) -> bool:
        """Whether the text is a reference of ours."""
        return self._desk.is_reference(text)

    def count(self) -> None:
        """Count one line more."""
        self._desk.totals.lines += 1


class Walker:
    """One pass over one file.

    :param elements_of: gives what to look at inside the message, from the walker, its namespace and its local name.
    :ivar alike: makes lines of entries that are alike without a walk; they are laid down as `Known` and the texts of
        their groups.
    """

    alike: Alike | None = None

    def __init__(self, source: BinaryIO, elements_of: Callable[["Walker", str, str], Element]) -> None:
        self._source = source
        self._elements_of = elements_of
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate(None, BETWEEN, self._names)
        self._pieces: list[str] = []
        self._element = _NOTHING
        self._above: list[Element] = []
        self._unseen = 0
        self._namespace: str | None = None
        self._body: Element | None = None
        self._fed = 0
        self._waiting = b""
        self._plain = True
        self._entry: Element | None = None
        self._closing = b""
        self._closed_at = -1
        self._shapes: list[Shape] = []
        self._inside = False
        self._unfed = (0, 0)

    def run(self) -> Iterator[None]:
        """Read the file, coming back after every chunk.

        :raises UnableToReadStatement: TRUNCATED, NOT_WELL_FORMED, NOT_TEXT, DOCTYPE, TOO_DEEP, TOO_LONG, REPEATED_ELEMENT,
            NOT_A_STATEMENT, UNREADABLE, and what the happenings raise.
        """
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.XmlDeclHandler = self._declaration
        self._listen(True)
        while chunk := self._read():
            self._feed(chunk)
            self._check_limits()
            yield
        self._parse(self._waiting, last=False)
        self._parse(b"", last=True)
        if self._body is None:
            raise self.refuse(StatementRefusal.NOT_A_STATEMENT, "Document is empty")
        yield

    @property
    def place(self) -> str:
        """Where the reading is, for sentences."""
        return self._place(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber)

    def _place(self, line: int, column: int) -> str:
        unfed = self._unfed[1] if self._unfed[0] == line else 0
        return f"line {line}, column {column + unfed + 1}"

    def refuse(self, refusal: StatementRefusal, why: str) -> UnableToReadStatement:
        """Make the refusal of the file, with the place."""
        return UnableToReadStatement(refusal, f"{self.place}: {why}")

    def _read(self) -> bytes:
        try:
            chunk = self._source.read(CHUNK)
        except (OSError, EOFError) as trouble:
            why = f"the file cannot be read to its end ({type(trouble).__name__}); fetch it again"
            raise UnableToReadStatement(StatementRefusal.UNREADABLE, why) from None
        return chunk

    def _listen(self, listening: bool) -> None:
        parser = self._parser
        parser.StartElementHandler = self._start if listening else None
        parser.EndElementHandler = self._end if listening else None
        parser.CharacterDataHandler = self._pieces.append if listening else None

    def _feed(self, chunk: bytes) -> None:
        """Take entries that have a known shape at once, walk through the others one by one."""
        text, place = self._waiting + chunk, 0
        self._waiting = b""
        while place < len(text):
            after = self._take_alike(text, place) if self._is_between_entries else place
            if after > place:
                place = after
                continue
            end = text.find(self._closing, place) if self._closing else -1
            if end < 0 and self._is_between_entries and len(text) - place <= LONGEST_ENTRY:
                self._waiting = text[place:]
                return
            after = end + len(self._closing) if end >= 0 else len(text)
            self._parse(text[place:after], last=False)
            self._learn(text[place:after])
            place = after

    @property
    def _is_between_entries(self) -> bool:
        """Whether the last byte given to the parser ended an entry, so that no tag or comment is begun."""
        return self._closed_at >= 0 and self._closed_at + len(self._closing) == self._fed

    def _take_alike(self, text: bytes, place: int) -> int:
        """Take all entries from `place` that match known shapes; give the place after them.

        Their tags are closed and their texts plain, so that the parser need not see them, only their ends of lines.
        """
        entries = []
        after = place
        while found := self._match(text, after):
            entries.append(found)
            after = found[1].end()
        if not entries:
            return place
        self._skip(text[place:after])
        for shape, match in entries:
            texts = match.groups()
            if self.alike is None:
                self._happen(shape, texts)
            elif not self._lay_down(self.alike, shape, texts):
                self._learn_line(self.alike, shape, texts)
        return after

    def _skip(self, entries: bytes) -> None:
        if b"]]>" in entries:
            # The one thing in plain texts that is no XML: the parser refuses it in its own words.
            self._listen(False)
            self._parse(entries, last=False)
            self._listen(True)
        else:
            ends = entries.count(b"\n")
            self._parse(b"\n" * ends, last=False)
            line = self._parser.CurrentLineNumber
            before = self._unfed[1] if self._unfed[0] == line and not ends else 0
            self._unfed = (line, before + len(entries) - entries.rfind(b"\n") - 1)
        self._closed_at = self._fed - len(self._closing)

    def _match(self, text: bytes, place: int) -> tuple[Shape, re.Match[bytes]] | None:
        shapes = self._shapes
        for number, shape in enumerate(shapes):
            match = shape.pattern.match(text, place)
            if match is not None:
                if number:
                    shapes.insert(0, shapes.pop(number))
                return shape, match
        return None

    @staticmethod
    def _lay_down(alike: Alike, shape: Shape, texts: tuple[bytes, ...]) -> bool:
        """Lay down the line of an entry that is like one before; whether there was one."""
        known = shape.known.get(shape.shared(texts))
        if known is None or not alike.is_reference(texts[known.reference]):
            return False
        for _, group in known.own:
            if not texts[group] or texts[group].isspace():
                return False
        known.times += 1
        alike.count()
        alike.lines.append((known, texts))
        return True

    def _learn_line(self, alike: Alike, shape: Shape, texts: tuple[bytes, ...]) -> None:
        """Walk through an entry, and remember the one line it came to."""
        before, alike.effect = len(alike.lines), None
        self._happen(shape, texts)
        own = shape.own
        if own is None or _REFERENCE not in own or alike.effect is None or len(alike.lines) != before + 1:
            return
        if not alike.is_reference(texts[own[_REFERENCE]]) or not all(texts[group].strip() for group in own.values()):
            return
        if len(shape.known) >= MOST_KNOWN:
            self.forget()
        line = alike.lines[-1]
        columns = [(name, group) for name, group in alike.own_columns(line, own).items() if group >= 0]
        shape.known[shape.shared(texts)] = Known(line, alike.effect, tuple(columns), own[_REFERENCE])

    def forget(self) -> None:
        """Add up what entries came to so far: something else is read now, and those after it may come to other things."""
        for shape in self._shapes:
            for known in shape.known.values():
                if known.times and self.alike is not None:
                    self.alike.again(known)
            shape.known.clear()

    def _happen(self, shape: Shape, texts: tuple[bytes, ...]) -> None:
        for step in shape.steps:
            record = step.record
            if record is None:
                if step.happening is not None:
                    step.happening()
                continue
            text = texts[step.number].strip().decode("ascii")
            if text and step.key not in record:
                record[step.key] = text
            elif text and step.element is not None and step.key == step.element.keep:
                self._keep(step.element, text)

    def _learn(self, walked: bytes) -> None:
        if self._entry is None or not (self._plain and self._is_between_entries) or len(self._shapes) >= MOST_SHAPES:
            return
        begin = walked.rfind(self._closing.replace(b"/", b""))
        if begin >= 0 and (shape := learn(walked[begin:], self._entry, self._namespace or "")):
            self._shapes.insert(0, shape)

    def _parse(self, chunk: bytes, *, last: bool) -> None:
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as trouble:
            said = expat.ErrorString(trouble.code) or "unknown trouble"
            place = self._place(trouble.lineno, trouble.offset)
            if last and said in _ENDS_EARLY:
                why = f"{place}: the file ends before its document does; fetch it again from the bank"
                raise UnableToReadStatement(StatementRefusal.TRUNCATED, why) from None
            why = f"{place}: not well-formed XML ({said}); ask the bank for the file as it was made"
            raise UnableToReadStatement(StatementRefusal.NOT_WELL_FORMED, why) from None
        except (ValueError, LookupError):
            if self._namespace is not None:
                raise
            why = "the file names an encoding that is not read here; ask the bank for UTF-8"
            raise self.refuse(StatementRefusal.NOT_TEXT, why) from None

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

    def _declaration(self, _: str, encoding: str | None, __: int) -> None:
        self._plain = encoding is None or encoding.lower() in _LIKE_ASCII

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._unseen:
            self._unseen += 1
            if self._unseen > DEEPEST:
                raise self.refuse(StatementRefusal.TOO_DEEP, f"more than {DEEPEST} elements inside each other")
            return
        element = self._element.inside.get(name)
        if element is None:
            if self._element is not _NOTHING:
                self._pass_over(self._element)
                return
            element = self._outermost(name)
        self._inside = self._inside or element.repeats
        self._above.append(self._element)
        self._element = element
        if element.keep is not None:
            self._pieces.clear()
            if attributes and "Ccy" in attributes and element.record is not None:
                element.record.setdefault(element.keep + ".Ccy", attributes["Ccy"])
        if element.begin is not None:
            element.begin()

    def _pass_over(self, outside: Element) -> None:
        if outside.keep is not None and not outside.inside:
            raise self.refuse(StatementRefusal.NOT_A_STATEMENT, "an element stands where the standard has a text")
        self._unseen = 1

    def _end(self, name: str) -> None:
        if self._unseen:
            self._unseen -= 1
            return
        element = self._element
        if not self._inside:
            self.forget()
        if element.keep is not None:
            pieces = self._pieces
            text = (pieces[0] if len(pieces) == 1 else "".join(pieces)).strip()
            pieces.clear()
            if text:
                self._keep(element, text)
        if element.end is not None:
            element.end()
            if element.repeats:
                self._inside = False
                self._entry = element
                self._closing = b"</%s>" % name.rpartition(BETWEEN)[2].encode()
                self._closed_at = self._parser.CurrentByteIndex
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
        namespace, _, local = name.rpartition(BETWEEN)
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
