"""Reading bytes with the inbox and with the character-by-character reference, in the same terms."""

from unittest import mock

from cair.channels.inbox import csv, framing, ndjson, reader
from cair.channels.inbox.names import UnableToTakeFile
from cair.rules.tables import FEEDS
from tests.reference import feeds as reference


def by_the_inbox(chunks, feed, form, *, limit):
    """A list of (values or None when malformed, raw bytes), or the reason of a refusal."""
    framer = framing.Framer(quoting=form == "csv", limit=limit)
    layout, lines = None, []
    for frame in framer.frames(chunks):
        first = 0
        if form == "csv" and layout is None:
            try:
                layout, first = reader._layout(frame, [], FEEDS[feed], compressed=False), 1
            except UnableToTakeFile as refused:
                return str(refused.refusal)
        lines += lines_of(frame, layout, reader.columns_of(FEEDS[feed]), first)
    assert framer.bytes_read == framer.bytes_framed == sum(map(len, chunks))
    return "MISSING_COLUMN" if form == "csv" and layout is None else lines


def lines_of(frame, layout, names, first):
    malformed, columns = csv.read_records(frame, layout, first) if layout else ndjson.read_lines(frame, names)
    rows = iter(list(zip(*(column.to_pylist() for column in columns), strict=True)))
    values = [None if bad else dict(zip(names, next(rows), strict=True)) for bad in malformed.tolist()]
    assert next(rows, None) is None
    return [(value, frame.raw(first + place)) for place, value in enumerate(values)]


def by_the_reference(content, feed, form, *, limit):
    """The same, from the reference."""
    read = reference.csv_lines if form == "csv" else reference.ndjson_lines
    with mock.patch.object(reference, "MIB", limit):
        try:
            lines = read(feed, content)
        except reference.Refused as refused:
            return refused.reason
    return [(None if line["malformed"] else line["texts"], line["raw"]) for line in lines]


def assert_read_alike(content, cuts, feed, form, *, limit=framing.LIMIT, lines=framing.LINES):
    """Read the content in chunks cut at these places, both ways; the raw bytes of over-long lines are not compared."""
    cuts = sorted(min(cut, len(content)) for cut in cuts)
    chunks = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    with mock.patch.object(framing, "LINES", lines):
        found = by_the_inbox(chunks, feed, form, limit=limit)
    expected = by_the_reference(content, feed, form, limit=limit)
    if isinstance(found, list) and isinstance(expected, list):
        found, expected = (
            [(value, raw if len(other[1]) < limit else b"") for (value, raw), other in zip(side, expected, strict=True)]
            for side in (found, expected)
        )
    assert found == expected
