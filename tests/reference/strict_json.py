"""Strict JSON, read by hand: every fault that contract section 2 names is a fault here.

Numbers stay as they are written. Nesting is kept on a list, so that a line may nest as deep as it is long.
"""

import re

WHITE = " \t\r\n"
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
FOUR_HEX = re.compile(r"[0-9a-fA-F]{4}")
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LITERALS = {"true": "true", "false": "false", "null": None}


class NotStrict(Exception):
    """The text is not one strict JSON value."""


class Nested:
    """An object or a list that is being read; a list keeps nothing."""

    def __init__(self, is_object):
        self.is_object = is_object
        self.end = "}" if is_object else "]"
        self.pairs = {}

    def add(self, name, value):
        """Puts a member in; a name twice is a fault."""
        if self.is_object:
            if name in self.pairs:
                raise NotStrict("a name twice")
            self.pairs[name] = value


def skip_white(text, at):
    """The next place that is not white space."""
    while at < len(text) and text[at] in WHITE:
        at += 1
    return at


def read_string(text, at):
    """The string whose opening quote stands at `at`, and the place after its closing quote."""
    if text[at : at + 1] != '"':
        raise NotStrict("a string is expected")
    at += 1
    pieces = []
    while True:
        plain = PLAIN.match(text, at)
        if plain:
            pieces.append(plain.group())
            at = plain.end()
        mark = text[at : at + 1]
        if mark == '"':
            return "".join(pieces), at + 1
        if mark != "\\":
            raise NotStrict("a control character, or a string that does not end")
        piece, at = read_escape(text, at + 1)
        pieces.append(piece)


def read_escape(text, at):
    """What stands after a backslash; surrogates only as a pair, no NUL."""
    letter = text[at : at + 1]
    if letter in ESCAPES and letter:
        return ESCAPES[letter], at + 1
    if letter != "u":
        raise NotStrict("an unknown escape")
    high, at = read_four_hex(text, at + 1)
    if high == 0 or 0xDC00 <= high <= 0xDFFF:
        raise NotStrict("NUL or a lone surrogate")
    if not 0xD800 <= high <= 0xDBFF:
        return chr(high), at
    if text[at : at + 2] != "\\u":
        raise NotStrict("a lone surrogate")
    low, at = read_four_hex(text, at + 2)
    if not 0xDC00 <= low <= 0xDFFF:
        raise NotStrict("a lone surrogate")
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), at


def read_four_hex(text, at):
    """The number of four hexadecimal digits."""
    digits = FOUR_HEX.match(text, at)
    if not digits:
        raise NotStrict("four hexadecimal digits are expected")
    return int(digits.group(), 16), digits.end()


def read_scalar(text, at):
    """A string, number or literal; numbers and true, false as their text, null as None."""
    if text[at : at + 1] == '"':
        return read_string(text, at)
    for word, value in LITERALS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    number = NUMBER.match(text, at)
    if not number:
        raise NotStrict("a value is expected")
    return number.group(), number.end()


def read_name(text, at):
    """A member's name and the place after its colon."""
    name, at = read_string(text, skip_white(text, at))
    at = skip_white(text, at)
    if text[at : at + 1] != ":":
        raise NotStrict("a colon is expected")
    return name, at + 1


def read_object(text):
    """The one object that the text is, as a dict; nested values in it are `Nested`."""
    at = skip_white(text, 0)
    if text[at : at + 1] != "{":
        raise NotStrict("an object is expected")
    outermost = Nested(is_object=True)
    open_ones = [outermost]
    at, expected = at + 1, "member or end"
    while open_ones:
        inner = open_ones[-1]
        at = skip_white(text, at)
        mark = text[at : at + 1]
        if expected != "member" and mark == inner.end:
            open_ones.pop()
            at, expected = at + 1, "comma or end"
        elif expected == "comma or end":
            if mark != ",":
                raise NotStrict("a comma or an end is expected")
            at, expected = at + 1, "member"
        else:
            at, nested = read_member(text, at, inner)
            expected = "member or end" if nested else "comma or end"
            if nested:
                open_ones.append(nested)
    if skip_white(text, at) != len(text):
        raise NotStrict("more than one value")
    return outermost.pairs


def read_member(text, at, inner):
    """One member of the innermost value: the place after it, and what it opened, if it opened something."""
    name = None
    if inner.is_object:
        name, at = read_name(text, at)
        at = skip_white(text, at)
    if text[at : at + 1] in ("{", "["):
        nested = Nested(is_object=text[at] == "{")
        inner.add(name, nested)
        return at + 1, nested
    value, at = read_scalar(text, at)
    inner.add(name, value)
    return at, None
