"""Writing XML by hand: what must be escaped, and the time as the standard has it."""

import re
from datetime import datetime
from xml.sax.saxutils import escape

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_PLAIN = re.compile(r"[A-Za-z0-9 .,:/()+'?_-]*\Z").match
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Escape a text, leaving out the control characters that no XML can hold."""
    return text if _PLAIN(text) else escape(_NOT_XML.sub("", text))


def optional(tag: str, text: str | None) -> str:
    """One element, or nothing."""
    return f"<{tag}>{xml_text(text)}</{tag}>" if text else ""


def time_text(moment: datetime) -> str:
    """Write an aware instant as the standard has it, to the second."""
    assert moment.tzinfo is not None, "an instant needs an offset"
    return moment.isoformat(timespec="seconds")


def opening(message: str) -> str:
    """The first lines of a message such as `camt.053.001.08`."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}{message}">\n'
