"""Entries of one file are alike to the tag: one that was walked through once is a pattern for those after it.

A shape is a regular expression with the tags of one entry as they stand and a group for each text that is kept, and the
happenings of that entry in their order. It only ever matches what it would take the walk to the same result for:
plain ASCII texts, no entities, comments or other attributes than `Ccy`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from cair.channels.payments.iso20022.elements import BETWEEN, Element, Happening, Record

LONGEST_TEXT = 2_000
"""Characters of one text that is kept; the longest of the standard's has 500."""

_TOKEN = re.compile(rb"<[^<>]*>|[^<]+")
_OPENS = re.compile(rb"<([A-Za-z0-9]+)( Ccy=\"[A-Z]{3}\")?>")
_KEPT = rb"([\t\n\x20-\x25\x27-\x3b\x3d-\x7e]{0,%d})" % LONGEST_TEXT
_UNASKED = rb"[\t\n\x20-\x25\x27-\x3b\x3d-\x7e]*"
_BLANK = rb"[ \t\r\n]*"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: `happening`, or the group `number` is kept in a record; `element` is where."""

    happening: Happening | None
    record: Record | None = None
    key: str = ""
    number: int = 0
    element: Element | None = None


@dataclass(slots=True, eq=False)
class Known:
    """What an entry came to: its one line, and what it added to sums, to be added again `times` times.

    :ivar own: columns of the line by the groups that hold their texts.
    :ivar reference: the group that holds the reference.
    """

    line: Any
    effect: Any
    own: tuple[tuple[str, int], ...]
    reference: int
    times: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A pattern of entries and what happens at one that matches.

    :ivar own: groups of the texts that go into the line as they stand, by name; None: a text may be there twice.
    :ivar shared: gives all other texts of an entry, which decide what it comes to.
    :ivar known: what entries came to, by their shared texts, as long as nothing but entries is read.
    """

    pattern: re.Pattern[bytes]
    steps: tuple[Step, ...]
    own: Mapping[str, int] | None
    shared: Callable[[tuple[bytes, ...]], object]
    known: dict[object, Known] = field(default_factory=dict)


def shape_of(pattern: bytes, steps: list[Step]) -> Shape:
    """Make a shape."""
    kept = [step for step in steps if step.record is not None]
    is_once = max(Counter((id(step.record), step.key) for step in kept).values(), default=0) <= 1
    own = {step.element.own: step.number for step in kept if step.element and step.element.own == _own(step)}
    own.pop("", None)
    shared = [step.number for step in kept if step.number not in own.values()]
    return Shape(re.compile(pattern), tuple(steps), own if is_once else None, itemgetter(*shared) if shared else len)


def _own(step: Step) -> str:
    """The name of a text that goes into the line as it stands; the currency beside it does not."""
    return step.element.own if step.element is not None and step.key == step.element.keep else "/"


class _Lesson:
    """One entry on its way to a shape."""

    def __init__(self, namespace: str) -> None:
        self._before = namespace + BETWEEN if namespace else ""
        self._names: list[bytes] = []
        self._elements: list[Element | None] = []
        self._steps: list[Step] = []
        self._groups = 0
        self.pattern = [_BLANK]

    def shape(self) -> Shape:
        return shape_of(b"".join(self.pattern), self._steps)

    @property
    def ended(self) -> bool:
        return not self._names

    def opens(self, tag: bytes, element: Element | None = None) -> bool:
        """Take an opening tag; `element` is given for the entry itself."""
        parts = _OPENS.fullmatch(tag)
        if parts is None:
            return False
        above = self._elements[-1] if self._elements else None
        if element is None and above is not None:
            element = above.inside.get(self._before + parts[1].decode())
            if element is None and above.keep is not None and not above.inside:
                return False  # an element inside a text is refused by the walk
        self._names.append(parts[1])
        self._elements.append(element)
        self.pattern.append(b"<" + parts[1])
        if parts[2]:
            kept = element is not None and element.keep is not None
            self.pattern.append(b' Ccy="([A-Z]{3})"' if kept else b' Ccy="[A-Z]{3}"')
            if kept and element is not None:
                self._keep(element, f"{element.keep}.Ccy")
        self.pattern.append(b">")
        if element is not None and element.begin is not None:
            self._steps.append(Step(element.begin))
        return True

    def text(self, text: bytes, *, alone: bool) -> bool:
        """Take a text; `alone` when nothing else is inside its element."""
        element = self._elements[-1]
        if not alone:
            self.pattern.append(_BLANK)
            return not text.strip()
        if element is None or element.keep is None:
            self.pattern.append(_UNASKED)
            return True
        self.pattern.append(_KEPT)
        self._keep(element, element.keep)
        return True

    def closes(self, tag: bytes) -> bool:
        """Take a closing tag."""
        name, element = self._names.pop(), self._elements.pop()
        self.pattern.append(tag)
        if element is not None and element.end is not None:
            self._steps.append(Step(element.end))
        return tag == b"</" + name + b">"

    def _keep(self, element: Element, key: str) -> None:
        self._steps.append(Step(None, element.record, key, self._groups, element))
        self._groups += 1


def learn(entry: bytes, element: Element, namespace: str) -> Shape | None:
    """Make a shape of one entry as it stands in the file, from `<` to `>`; None where one would not be exact."""
    if b"<!" in entry or b"<?" in entry or b"&" in entry:
        return None
    tokens = _TOKEN.findall(entry)
    lesson = _Lesson(namespace)
    if not tokens or not lesson.opens(tokens[0], element):
        return None
    for place, token in enumerate(tokens[1:], 1):
        if lesson.ended:
            return None
        if token.startswith(b"</"):
            good = lesson.closes(token)
        elif token.startswith(b"<"):
            good = lesson.opens(token)
        else:
            before, after = tokens[place - 1], tokens[place + 1] if place + 1 < len(tokens) else b""
            good = lesson.text(token, alone=not before.startswith(b"</") and after.startswith(b"</"))
        if not good:
            return None
    return lesson.shape() if lesson.ended else None
