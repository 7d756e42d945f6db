"""What is looked at in a message: elements by their path, and what happens there."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

BETWEEN = "}"
"""Stands between a namespace and a local name."""
_STEP = re.compile(r"[A-Za-z0-9]+")

Record = dict[str, str]
Happening = Callable[[], None]


@dataclass(slots=True, eq=False)
class Element:
    """What to do at one path.

    :ivar keep: name under which the text is kept in `record`, the attribute `Ccy` beside it as `<keep>.Ccy`.
    :ivar many: the standard allows several; the first is kept.
    :ivar own: name of a text that goes into the line as it stands: entries that differ in it are alike.
    :ivar begin: called when it opens, `end` when it closes.
    :ivar repeats: the message is mostly many of these, one after the other.
    """

    inside: dict[str, "Element"] = field(default_factory=dict)
    record: Record | None = None
    keep: str | None = None
    many: bool = False
    own: str = ""
    begin: Happening | None = None
    end: Happening | None = None
    repeats: bool = False


def put(root: Element, path: str) -> Element:
    """Give the element at a path such as `Refs/EndToEndId`, made where it is not there yet."""
    for name in _STEP.findall(path):
        root = root.inside.setdefault(name, Element())
    return root


def keep(
    root: Element, record: Record, paths: Mapping[str, str], *, many: bool = False, own: Mapping[str, str] | None = None
) -> None:
    """Keep the texts at paths below an element in a record, by name; of alternative paths, parted by spaces, one is.

    :param own: which of them go into the line as they stand: name there by name here.
    """
    for name, alternatives in paths.items():
        for path in alternatives.split():
            element = put(root, path)
            element.record, element.keep, element.many = record, name, many
            element.own = (own or {}).get(name, "")


def qualified(element: Element, namespace: str) -> Element:
    """Put the namespace before all names under an element, in place: names are compared whole, so one look-up each."""
    if namespace:
        element.inside = {
            f"{namespace}{BETWEEN}{name}": qualified(inside, namespace) for name, inside in element.inside.items()
        }
    return element
