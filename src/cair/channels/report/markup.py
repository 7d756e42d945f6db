"""HTML from Python values: whatever is not already markup is escaped."""

from collections.abc import Iterable
from html import escape

VOID = frozenset({"br", "col", "input"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | int | None | Iterable["Content"]


def join(content: Content) -> Markup:
    """One piece of markup from texts (escaped), markup and lists of both; None is nothing."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int):
        return Markup(escape(str(content), quote=False))
    return Markup("".join(join(piece) for piece in content))


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """An element. `class_` is class, `aria_label` is aria-label; True is an attribute without value, None is none."""
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        written.append(f" {key}" if value is True else f' {key}="{escape(str(value))}"')
    start = f"<{name}{''.join(written)}>"
    return Markup(start) if name in VOID else Markup(f"{start}{join(content)}</{name}>")
