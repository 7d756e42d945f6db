"""From a file's bytes to its lines: what its name says, and CSV, NDJSON, Parquet and gzip (contract section 2).

A line is a dict: `raw` (its bytes), and either `malformed` True or `texts`, column -> trimmed text or None.
"""

import datetime
import decimal
import io
import re
import zlib

import pyarrow
import pyarrow.parquet

from tests.reference.strict_json import Nested, NotStrict, read_object
from tests.reference.tables import FEEDS, FROM_THE_OFFICE_ALONE, PROGRAMME_OFFICE
from tests.reference.values import TRIMMED, trimmed

MIB = 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NAME = re.compile(
    r"(?P<feed>[^.]+)\.(?P<partner>[a-z0-9-]+)\.(?P<day>[0-9]{8})(?:\.(?P<serial>[A-Za-z0-9_-]+))?"
    r"\.(?:(?P<text>csv|ndjson)(?P<gz>\.gz)?|(?P<parquet>parquet))",
    re.DOTALL,
)


class Refused(Exception):
    """The file is refused whole; carries the reason."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def read_name(name):
    """What a file's name says; BAD_NAME, UNKNOWN_FEED, WRONG_PARTNER in this order."""
    written = NAME.fullmatch(name)
    if not written:
        raise Refused("BAD_NAME")
    day = written["day"]
    try:
        datetime.date(int(day[:4]), int(day[4:6]), int(day[6:]))
    except ValueError:
        raise Refused("BAD_NAME") from None
    if written["feed"] not in FEEDS:
        raise Refused("UNKNOWN_FEED")
    if written["feed"] in FROM_THE_OFFICE_ALONE and written["partner"] != PROGRAMME_OFFICE:
        raise Refused("WRONG_PARTNER")
    return {
        "feed": written["feed"],
        "partner": written["partner"],
        "form": written["text"] or "parquet",
        "compressed": bool(written["gz"]),
    }


def read_lines(named, content):
    """The lines of a file; UNREADABLE, TRUNCATED, MISSING_COLUMN, REPEATED_COLUMN in this order."""
    if content is None:
        raise Refused("UNREADABLE")
    if named["compressed"]:
        content = decompressed(content)
    if named["form"] == "parquet":
        return parquet_lines(named["feed"], content)
    if content.startswith(BYTE_ORDER_MARK):
        content = content[len(BYTE_ORDER_MARK) :]
    if named["form"] == "csv":
        return csv_lines(named["feed"], content)
    return ndjson_lines(named["feed"], content)


def decompressed(content):
    """The bytes in a gzip file of one or more members; zeros after the last are padding."""
    if not content:
        raise Refused("TRUNCATED")
    pieces = []
    while content:
        if not b"\x1f\x8b".startswith(content[:2]):
            raise Refused("UNREADABLE")
        stream = zlib.decompressobj(wbits=31)
        try:
            pieces.append(stream.decompress(content))
        except zlib.error:
            raise Refused("UNREADABLE") from None
        if not stream.eof:
            raise Refused("TRUNCATED")
        content = stream.unused_data.lstrip(b"\x00")
    return b"".join(pieces)


def check_columns(feed, names):
    """Every column without `?` is there, and no name twice; columns without a name do not matter."""
    for column in FEEDS[feed]:
        if not column["optional"] and column["name"] not in names:
            raise Refused("MISSING_COLUMN")
    with_a_name = [name for name in names if name]
    if len(set(with_a_name)) < len(with_a_name):
        raise Refused("REPEATED_COLUMN")


# CSV


class FaultyQuoting(Exception):
    """A quote where none may stand, text after a closing quote, or a quote that is never closed."""


def csv_lines(feed, content):
    """The header, then one line per record."""
    records = csv_records(content)
    header = next(records, None)
    if header is None:
        raise Refused("MISSING_COLUMN")
    if header["malformed"]:
        raise Refused("UNREADABLE")
    names = [name.strip(TRIMMED) for name in header["fields"]]
    check_columns(feed, names)
    return [csv_line(feed, names, record) for record in records]


def csv_line(feed, names, record):
    """A record as a line: malformed when it is, or when the number of fields is wrong."""
    if record["malformed"] or len(record["fields"]) != len(names):
        return {"raw": record["raw"], "malformed": True}
    by_name = dict(zip(names, record["fields"], strict=True))
    texts = {column["name"]: trimmed(by_name.get(column["name"])) for column in FEEDS[feed]}
    return {"raw": record["raw"], "malformed": False, "texts": texts}


def csv_records(content):
    """The records of a CSV, empty lines left out.

    A record with faulty quoting, or longer than 1 MiB, ends at its first line break.
    """
    start = 0
    while start < len(content):
        first_break = line_end(content, start)
        if without_break(content[start:first_break]) == b"":
            start = first_break
            continue
        try:
            fields, end = csv_fields(content, start)
        except FaultyQuoting:
            fields, end = None, first_break
        if len(without_break(content[start:end])) > MIB:
            fields, end = None, first_break
        raw = without_break(content[start:end])
        yield csv_record(raw, fields)
        start = end


def csv_record(raw, fields):
    """The record with its fields as text; malformed without fields, with a NUL, or when not UTF-8."""
    if fields is None or b"\x00" in raw:
        return {"raw": raw, "malformed": True}
    try:
        texts = [field.decode("utf-8") for field in fields]
    except UnicodeDecodeError:
        return {"raw": raw, "malformed": True}
    return {"raw": raw, "malformed": False, "fields": texts}


def line_end(content, start):
    """The place after the next LF, or the end."""
    found = content.find(b"\n", start)
    return len(content) if found < 0 else found + 1


def without_break(line):
    """A line without its LF or CRLF."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line.removesuffix(b"\n")


def csv_fields(content, start):
    """The fields of the record that begins at `start`, and the place after it (RFC 4180)."""
    fields = []
    at = start
    while True:
        if content[at : at + 1] == b'"':
            field, at = quoted_field(content, at)
        else:
            field, at = bare_field(content, at)
        fields.append(field)
        if content[at : at + 1] == b",":
            at += 1
            continue
        if content[at : at + 2] == b"\r\n":
            return fields, at + 2
        return fields, min(at + 1, len(content))


def bare_field(content, at):
    """A field without quotes: up to the comma, the line break or the end."""
    end = at
    while end < len(content) and content[end] not in b",\n":
        if content[end] == ord('"'):
            raise FaultyQuoting
        end += 1
    if content[end : end + 1] == b"\n" and content[at:end].endswith(b"\r"):
        end -= 1
    return content[at:end], end


def quoted_field(content, at):
    """A field in quotes; two quotes in it are one."""
    pieces = []
    at += 1
    while True:
        quote = content.find(b'"', at)
        if quote < 0:
            raise FaultyQuoting
        pieces.append(content[at:quote])
        at = quote + 1
        if content[at : at + 1] != b'"':
            break
        pieces.append(b'"')
        at += 1
    if at < len(content) and content[at : at + 1] not in (b",", b"\n") and content[at : at + 2] != b"\r\n":
        raise FaultyQuoting
    return b"".join(pieces), at


# NDJSON


def ndjson_lines(feed, content):
    """One line per LF, those of nothing but white space left out."""
    lines = []
    for piece in content.split(b"\n"):
        raw = piece.removesuffix(b"\r")
        if is_white(raw):
            continue
        lines.append(ndjson_line(feed, raw))
    return lines


def is_white(raw):
    """Nothing but white space."""
    try:
        return raw.decode("utf-8").strip(TRIMMED) == ""
    except UnicodeDecodeError:
        return False


def ndjson_line(feed, raw):
    """A line as strict JSON: one object, no object or list inside a listed column."""
    malformed = {"raw": raw, "malformed": True}
    if len(raw) > MIB or b"\x00" in raw:
        return malformed
    try:
        fields = read_object(raw.decode("utf-8"))
    except (UnicodeDecodeError, NotStrict):
        return malformed
    texts = {}
    for column in FEEDS[feed]:
        value = fields.get(column["name"])
        if isinstance(value, Nested):
            return malformed
        texts[column["name"]] = trimmed(value)
    return {"raw": raw, "malformed": False, "texts": texts}


# Parquet


def parquet_lines(feed, content):
    """One line per row; only opening the file is left to pyarrow."""
    try:
        table = pyarrow.parquet.ParquetFile(io.BytesIO(content)).read()
    except (pyarrow.ArrowException, OSError, ValueError, KeyError):
        raise Refused("UNREADABLE") from None
    names = [name.strip(TRIMMED) for name in table.column_names]
    check_columns(feed, names)
    columns = {name: column_texts(table.column(place)) for place, name in enumerate(names)}
    lines = []
    for row in range(table.num_rows):
        everything = [columns[name][row] or "" for name in names]
        raw = ",".join(everything).encode("utf-8", "surrogateescape")
        if b"\x00" in raw:
            lines.append({"raw": raw, "malformed": True})
            continue
        texts = {
            column["name"]: trimmed(columns[column["name"]][row]) if column["name"] in columns else None
            for column in FEEDS[feed]
        }
        lines.append({"raw": raw, "malformed": False, "texts": texts})
    return lines


def column_texts(column):
    """The cells of a Parquet column as texts."""
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pyarrow.types.is_timestamp(kind):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        counts = column.cast(pyarrow.int64()).to_pylist()
        return [timestamp_text(count, per_second, kind.tz) for count in counts]
    if pyarrow.types.is_float32(kind):
        return [None if cell is None else number_text(shortest_of_float32(cell)) for cell in column.to_pylist()]
    return [cell_text(cell) for cell in column.to_pylist()]


def cell_text(cell):
    """A cell by its text: numbers as the shortest decimal."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return number_text(repr(cell))
    if isinstance(cell, int | decimal.Decimal):
        return number_text(str(cell))
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "surrogateescape")
    return str(cell)


def number_text(written):
    """The shortest decimal without an exponent: `5.0` is `5`."""
    number = decimal.Decimal(written)
    if not number.is_finite():
        return written
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def shortest_of_float32(cell):
    """The decimal with the fewest digits that is this float32."""
    single = pyarrow.scalar(cell, pyarrow.float32())
    for digits in range(1, 10):
        written = f"{cell:.{digits}g}"
        if pyarrow.scalar(float(written), pyarrow.float32()) == single:
            return written
    return repr(cell)


def timestamp_text(count, per_second, zone):
    """A timestamp in UTC as an instant's text; without a zone it has no offset, so that it is a BAD_TIMESTAMP."""
    if count is None:
        return None
    seconds, fraction = divmod(count, per_second)
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)  # noqa: DTZ001
    except OverflowError:
        return f"out of all years: {count}"
    text = moment.isoformat()
    if fraction:
        digits = len(str(per_second)) - 1
        text += f".{fraction:0{digits}}".rstrip("0")
    return text + ("Z" if zone else "")
