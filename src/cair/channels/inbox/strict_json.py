"""One line of strict JSON, read alone: no NaN, no name twice, no NUL, no lone surrogate, at any depth.

Numbers stay as they are written.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

_LEXEME = re.compile(
    r"[ \t\r\n]*(?:(?P<mark>[\[{\]},:])"
    r"|(?P<text>\"[^\"\\\x00-\x1f]*(?:\\.[^\"\\\x00-\x1f]*)*\")"
    r"|(?P<word>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))"
)
_WORDS = {True: "true", False: "false"}


class NotStrictError(ValueError):
    """The text is not one strict JSON object, or a listed member holds an object or a list."""


def read_object(text: str, listed: Collection[str]) -> dict[str, str | None]:
    """Read the listed members of one JSON object as text; null is None.

    :raises NotStrictError: the text is something else.
    """
    try:
        members = _read(text)
    except ValueError:
        raise NotStrictError from None
    if not isinstance(members, dict):
        raise NotStrictError
    chosen = {name: members[name] for name in listed if name in members}
    if any(isinstance(value, dict | list) for value in chosen.values()):
        raise NotStrictError
    return {name: _WORDS[value] if isinstance(value, bool) else value for name, value in chosen.items()}


def _read(text: str) -> Any:
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        return _read_deep(text)
    if "\\u" in text:
        _check_characters(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictError
    return members


def _refuse(_constant: str) -> NoReturn:
    raise NotStrictError


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_refuse)


def _check_characters(value: Any) -> None:
    """Refuse NUL and lone surrogates in names and texts; raises UnicodeEncodeError, a ValueError, for the latter."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and "\x00" in one:
            raise NotStrictError
        elif isinstance(one, str):
            one.encode()


def _read_deep(text: str) -> dict[str, Any]:
    """Read an object that nests deeper than a parser that calls itself can follow; nested values become empty."""
    lexemes = _lexemes(text)
    if next(lexemes) != "{":
        raise NotStrictError
    members: dict[str, Any] = {}
    open_ones: list[dict[str, Any] | None] = [members]
    before = "opening"
    for lexeme in lexemes:
        if not open_ones:
            break
        inner = open_ones[-1]
        if lexeme == ("]" if inner is None else "}") and before != "comma":
            open_ones.pop()
            before = "value"
        elif before == "value":
            if lexeme != ",":
                raise NotStrictError
            before = "comma"
        else:
            nested = _read_member(lexeme, lexemes, inner)
            open_ones.extend(nested)
            before = "opening" if nested else "value"
    if open_ones or lexeme:
        raise NotStrictError
    return members


def _read_member(lexeme: str, lexemes: Iterator[str], inner: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """Read one member of an object, or of a list (None); return what it opened, if anything."""
    name = None
    if inner is not None:
        name = _scalar(lexeme) if lexeme.startswith('"') else None
        if name is None or name in inner or next(lexemes) != ":":
            raise NotStrictError
        lexeme = next(lexemes)
    value: Any = {} if lexeme == "{" else [] if lexeme == "[" else _scalar(lexeme)
    if inner is not None and name is not None:
        inner[name] = value
    return [{}] if lexeme == "{" else [None] if lexeme == "[" else []


def _scalar(lexeme: str) -> Any:
    """Read a text, number or literal."""
    if lexeme in ("", ",", ":", "}", "]"):
        raise NotStrictError
    value = _DECODER.decode(lexeme)
    _check_characters(value)
    return value


def _lexemes(text: str) -> Iterator[str]:
    """Cut a text into its lexemes; an empty one stands for the end."""
    at = 0
    text = text.rstrip(" \t\r\n")
    while at < len(text):
        lexeme = _LEXEME.match(text, at)
        if lexeme is None:
            raise NotStrictError
        at = lexeme.end()
        yield lexeme[lexeme.lastgroup or 0]
    yield ""
