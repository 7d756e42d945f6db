"""How the adversary writes lines as a CSV, an NDJSON or a Parquet file: valid, and as odd as the contract allows.

A line is a dict column -> text or None (`texts`), or, where a line is to be broken, `broken` True.
"""

import datetime
import decimal
import gzip
import io
import json
import re

import pyarrow
import pyarrow.parquet

from tests.reference.feeds import MIB
from tests.reference.spelling import as_day, white
from tests.reference.tables import FEEDS
from tests.reference.values import INSTANT, TRIMMED, WrongValue, read_instant

EXTRA = (
    "note",
    "id",
    "known_at",
    "received_at",
    "feed",
    "partner",
    "line",
    "key",
    "content",
    "catatan, lain",
    "Revision",
    "redeem code",
)
EXTRA_CELLS = ("", "x", "a,b", 'q"q', "1", "NULL", "é", "baris\ndua", "\r\n", " \t", "2019-01-01T00:00:00Z")
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
NOT_UTF8 = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80")


def columns_written(rng, feed, lines):
    """The columns of a file in any order: those without `?`, those with something in them, some more."""
    names = []
    for column in FEEDS[feed]:
        used = any(line["texts"].get(column["name"]) is not None for line in lines)
        if not column["optional"] or used or rng.random() < 0.6:
            names.append(column["name"])
    extra = rng.sample(EXTRA, rng.choice((0, 0, 1, 2)))
    names += extra
    if rng.random() < 0.5:
        rng.shuffle(names)
    return names, extra


# CSV


def as_csv(rng, feed, lines):
    """A CSV with LF or CRLF, any quoting, perhaps a byte-order mark, empty lines, nameless and unknown columns."""
    names, extra = columns_written(rng, feed, lines)
    names += [""] * rng.choice((0, 0, 0, 0, 1, 2))
    end = rng.choice((b"\n", b"\n", b"\r\n"))
    style = rng.choice(("needed", "needed", "some", "all"))
    header = [rng.choice(("", white(rng))) + name if rng.random() < 0.05 else name for name in names]
    records = [csv_record(rng, header, style)]
    for line in lines:
        cells = []
        for name in names:
            cell = rng.choice(EXTRA_CELLS) if name in extra or not name else line["texts"].get(name)
            cells.append(rng.choice(("", "", "", white(rng))) if cell is None else cell)
        record = csv_record(rng, cells, style)
        records.append(broken_csv(rng, record, len(names)) if line.get("broken") else record)
    pieces = [b"\xef\xbb\xbf"] if rng.random() < 0.15 else []
    pieces += [b"\n", b"\r\n"][: rng.choice((0, 0, 0, 0, 1, 2))]
    for record in records:
        this_end = rng.choice((b"\n", b"\r\n")) if rng.random() < 0.05 else end
        pieces += [record, this_end]
        if rng.random() < 0.06:
            pieces += rng.choice(((b"\n",), (b"\r\n",), (b"\n", b"\r\n", b"\n")))
    if rng.random() < 0.2:
        last = len(pieces) - 1
        while pieces[last] in (b"\n", b"\r\n"):
            pieces.pop()
            last -= 1
    return b"".join(pieces)


def csv_record(rng, cells, style):
    """The fields, quoted where they must be, and where the style likes."""
    fields = []
    for cell in cells:
        must = any(mark in cell for mark in ',"\n') or cell.endswith("\r") or ("\r" in cell and rng.random() < 0.9)
        if must or style == "all" or (style == "some" and rng.random() < 0.3):
            cell = '"' + cell.replace('"', '""') + '"'
        fields.append(cell.encode("utf-8"))
    return b",".join(fields)


def broken_csv(rng, record, columns):
    """A record that is malformed; what that does to its neighbours is for the reader to say."""
    comma = record.find(b",") + 1
    kind = rng.choice(
        (
            "few",
            "many",
            "quote inside",
            "after quote",
            "space after quote",
            "space before quote",
            "open",
            "open",
            "nul",
            "bytes",
            "open at once",
            "two lines",
            "white",
        )
    )
    match kind:
        case "few":
            return b",".join([b"1"] * (columns - 1))
        case "many":
            return record + b","
        case "quote inside":
            return record[:comma] + b'x"y' + record[comma:]
        case "after quote":
            return record[:comma] + b'"x"y,' + record[comma:]
        case "space after quote":
            return b",".join([b'"x" '] + [b"1"] * (columns - 1))
        case "space before quote":
            return b",".join([b' "x"'] + [b"1"] * (columns - 1))
        case "open":
            return record + b',"never closed'
        case "open at once":
            return b'"' + record.replace(b'"', b"")
        case "two lines":
            return b'"a\nb",' + record + b',"c\nd"e'
        case "nul":
            return rng.choice((record[:comma] + b"\x00" + record[comma:], b'"\x00\n",' + record))
        case "bytes":
            wrong = rng.choice(NOT_UTF8)
            return rng.choice((record[:comma] + wrong + record[comma:], b'"' + wrong + b'\n",' + record))
    return b" \t"


# NDJSON


def as_ndjson(rng, feed, lines):
    """One object a line; numbers or strings, any escapes, null or absent, unknown members that nest."""
    end = rng.choice((b"\n", b"\n", b"\r\n"))
    pieces = [b"\xef\xbb\xbf"] if rng.random() < 0.15 else []
    for line in lines:
        text = broken_json(rng, feed, line) if line.get("broken") else json_line(rng, feed, line["texts"])
        if isinstance(text, str):
            text = text.encode("utf-8")
        pieces += [text, rng.choice((b"\n", b"\r\n")) if rng.random() < 0.05 else end]
        if rng.random() < 0.06:
            pieces += [rng.choice((b"", b" \t", b"\r", "\u00a0 ".encode())), b"\n"]
    if lines and rng.random() < 0.2:
        pieces.pop()
    return b"".join(pieces)


def json_line(rng, feed, texts, more=()):
    """One strict JSON object."""
    members = []
    for column in FEEDS[feed]:
        text = texts.get(column["name"])
        if text is None:
            empty = rng.choice((None, "null", '""', json_string(rng, white(rng))))
            if empty is None:
                continue
            members.append((column["name"], empty))
        elif (JSON_NUMBER.fullmatch(text) and rng.random() < 0.5) or text in ("true", "false"):
            members.append((column["name"], text))
        else:
            members.append((column["name"], json_string(rng, text)))
    members += [(json.loads(json_string(rng, name)), value) for name, value in json_extras(rng)]
    members += more
    if rng.random() < 0.5:
        rng.shuffle(members)
    gap = rng.choice(("", " ", " ", "\t"))
    inside = f",{gap}".join(f"{json_string(rng, name)}{gap}:{gap}{value}" for name, value in members)
    around = rng.choice(("", "", "", " ", "\t "))
    return f"{around}{{{gap}{inside}{gap}}}{around}"


def json_extras(rng):
    """Unknown members: nested, large, escaped; none of it matters."""
    deep = "[" * 40 + "]" * 40
    extras = [
        ("note", '{"a": [1, null, {"a": 1e400}], "b": {"a": "\\ud83d\\ude00 \\u0001"}}'),
        ("x", deep),
        ("Revision", "7"),
        ("", "true"),
        ("number", "-12345678901234567890.5E-7"),
        ("known_at", '"2019-01-01"'),
        ("Nik", "{}"),
    ]
    return rng.sample(extras, rng.choice((0, 0, 0, 1, 2)))


def json_string(rng, text):
    """The text as a JSON string, some characters escaped without need."""
    written = []
    for character in text:
        if character in '"\\' or ord(character) < 0x20 or (len(text) < 60 and rng.random() < 0.03):
            written.append(json.dumps(character)[1:-1] if rng.random() < 0.5 else escaped(rng, character))
        else:
            written.append(character)
    return '"' + "".join(written) + '"'


def escaped(rng, character):
    """The character as one or two \\u escapes."""
    units = character.encode("utf-16-be")
    pairs = [units[i : i + 2].hex() for i in range(0, len(units), 2)]
    return "".join("\\u" + (pair if rng.random() < 0.5 else pair.upper()) for pair in pairs)


def broken_json(rng, feed, line):
    """A line that is not one strict JSON object, or nests inside a listed column."""
    good = json_line(rng, feed, line["texts"]).strip()
    first = FEEDS[feed][0]["name"]
    inside = good[1:-1].strip()
    more = rng.choice(
        (
            '"x": NaN',
            '"x": [-Infinity]',
            '"x": "\\u0000"',
            '"\\u0000": 1',
            '"x": "\\ud83d"',
            '"x": "\\ude00\\ud83d"',
            '"x": {"\\ude00": 1}',
            '"x": 1, "x": 1',
            '"x": {"a": 1, "\\u0061": 2}',
            '"x": [{"a": {"b": 1, "b": 1}}]',
            '"x": 01',
            '"x": .5',
            '"x": 5.',
            '"x": +1',
            '"x": 1e',
            '"x": True',
            '"x": nul',
            "'x': 1",
            "x: 1",
            '"x": "\t"',
            '"x": "\\x41"',
            '"x": "\\u12"',
            '"x": [1,]',
            '"x": [1 2]',
            '"x": [}',
            '"x" 1',
            '"x":',
            "",
            '"x": 1 /* y */',
            f'"{first}": 1, "\\u00{ord(first[0]):02x}{first[1:]}": 1',
            '"x": ' + "[" * 30 + "]" * 29,
            '"x": "open',
        )
    )
    nested = {**line["texts"], rng.choice([column["name"] for column in FEEDS[feed]]): None}
    hollow = json.dumps({name: text for name, text in nested.items() if text is not None}, ensure_ascii=False)
    name = next((name for name, text in nested.items() if text is None), first)
    return rng.choice(
        (
            f"{{{inside}, {more}}}",
            f"{{{inside}, {more}}}",
            f"{{{inside}, {more}}}",
            good + good,
            good + ",",
            good[:-1],
            f"[{good}]",
            rng.choice(('"x"', "1", "null", "[]", "x", "\ufeff{}", "\u00a0" + good, "{}x")),
            (hollow[:-1] + f', "{name}": ' + rng.choice(("{}", "[]", '["x"]', '{"a": 1}')) + "}").replace("{,", "{"),
            good.encode()[:-1] + b', "x": "\x00"}',
            good.encode()[:-1] + b', "x": "' + rng.choice(NOT_UTF8) + b'"}',
        )
    )


# Parquet


def as_parquet(rng, feed, lines):
    """A Parquet file whose columns are typed where their texts allow it."""
    names, extra = columns_written(rng, feed, lines)
    kinds = {column["name"]: column["type"] for column in FEEDS[feed]}
    arrays = []
    for name in names:
        if name in extra:
            arrays.append(pyarrow.array([rng.choice(EXTRA_CELLS) for _ in lines], pyarrow.string()))
        else:
            arrays.append(parquet_column(rng, kinds[name], [line["texts"].get(name) for line in lines]))
    return parquet_bytes(rng, names, arrays)


def parquet_bytes(rng, names, arrays):
    """The bytes of a Parquet file with any row groups and compression."""
    out = io.BytesIO()
    table = pyarrow.Table.from_arrays(arrays, names=list(names))
    compression = rng.choice(("none", "snappy", "zstd", "gzip"))
    pyarrow.parquet.write_table(table, out, compression=compression, row_group_size=rng.choice((1, 7, 1000)))
    return out.getvalue()


def parquet_column(rng, kind, texts):
    """A column of strings, of a dictionary, of numbers, days or timestamps."""
    bare = [None if text is None or not text.strip(TRIMMED) else text.strip(TRIMMED) for text in texts]
    if rng.random() < 0.75:
        if kind == "instant" and all(text is None or is_instant(text) for text in bare):
            return timestamps(rng, bare)
        if kind == "day" and all(text is None or as_day(text) for text in bare):
            return pyarrow.array([None if text is None else as_day(text) for text in bare], pyarrow.date32())
        typed = numbers(rng, kind, bare)
        if typed is not None:
            return typed
    strings = pyarrow.array(texts, pyarrow.string())
    return rng.choice((strings, strings, strings.dictionary_encode(), strings.cast(pyarrow.large_string())))


def is_instant(text):
    """Whether the text is an instant, be it in the future."""
    if not INSTANT.fullmatch(text):
        return False
    try:
        read_instant(text, 10**17)
    except WrongValue:
        return False
    return True


def timestamps(rng, texts):
    """Timestamps of any unit and zone; rarely without a zone, by which they cannot be read."""
    micros = [None if text is None else read_instant(text, 10**17) for text in texts]
    unit = rng.choice(("us", "us", "ns", "ms"))
    if unit == "ms" and any(count is not None and count % 1000 for count in micros):
        unit = "us"
    if unit == "ns" and any(count is not None and count > 9 * 10**15 for count in micros):
        unit = "us"
    factor = {"us": (1, 1), "ns": (1000, 1), "ms": (1, 1000)}[unit]
    zone = rng.choice(("UTC",) * 4 + ("+07:00",) * 3 + ("Asia/Jakarta",) * 3 + (None,))
    counts = [None if count is None else count * factor[0] // factor[1] for count in micros]
    return pyarrow.array(counts, pyarrow.int64()).cast(pyarrow.timestamp(unit, zone))


def numbers(rng, kind, texts):
    """Numbers for columns of them, and for texts that are whole numbers; None when the texts are none."""
    written = [text for text in texts if text is not None]
    if kind in ("card", "nik", "text") and not all(re.fullmatch("[1-9][0-9]{0,17}", text) for text in written):
        return None
    if kind not in ("card", "nik", "text", "whole", "stars", "decimal"):
        return None
    if not all(len(text) < 18 and PLAIN_NUMBER.fullmatch(text) for text in written):
        return None
    values = [None if text is None else decimal.Decimal(text) for text in texts]
    if all(value is None or value == value.to_integral_value() for value in values):
        whole = [None if value is None else int(value) for value in values]
        return whole_numbers(rng, whole)
    if rng.random() < 0.5 and all(value is None or abs(value) < 10**6 for value in values):
        return pyarrow.array([None if value is None else float(value) for value in values], pyarrow.float64())
    return pyarrow.array(values, pyarrow.decimal128(30, rng.choice((10, 12)))) if scaled(values) else None


def scaled(values):
    """Whether ten places are enough."""
    return all(value is None or -value.as_tuple().exponent <= 10 for value in values)


def whole_numbers(rng, values):
    """Whole numbers as any type that can hold them."""
    there = [value for value in values if value is not None]
    kinds = [pyarrow.int64(), pyarrow.decimal128(20, 0), pyarrow.decimal128(24, 4)]
    if all(abs(value) < 2**31 for value in there):
        kinds += [pyarrow.int32(), pyarrow.float32() if all(abs(value) < 2**20 for value in there) else pyarrow.int32()]
    if all(abs(value) < 2**53 for value in there):
        kinds += [pyarrow.float64(), pyarrow.float64()]
    if all(value >= 0 for value in there):
        kinds.append(pyarrow.uint64())
    kind = rng.choice(kinds)
    if pyarrow.types.is_decimal(kind):
        return pyarrow.array([None if value is None else decimal.Decimal(value) for value in values], kind)
    if pyarrow.types.is_floating(kind):
        return pyarrow.array([None if value is None else float(value) for value in values], kind)
    return pyarrow.array(values, kind)


# Over-long lines, gzip


def long_csv(rng):
    """Records around 1 MiB: exactly so long, a byte longer, in one line and over several."""
    lines = [b"nik,list_name,valid_on,note"]
    for number in range(1, rng.choice((3, 4))):
        start = f"{number:016},PANJANG,2020-01-01,".encode()
        filler = MIB + rng.choice((0, 0, 1, 2)) - len(start)
        paragraphs = (b"x" * 65_535 + b"\n") * 15
        notes = (
            b"x" * filler,
            b'"' + b"x" * (filler - 2) + b'"',
            b'"\n' + b"x" * (filler - 3) + b'"',
            b'"' + paragraphs + b"x" * (filler - 2 - len(paragraphs)) + b'"',
            b'"' + b"x" * (filler - 1),
        )
        lines.append(start + rng.choice(notes))
        lines.append(f"{number + 100:016},PENDEK,2020-01-01,".encode())
    return rng.choice((b"\n", b"\r\n")).join(lines)


def long_ndjson(rng):
    """Lines around 1 MiB."""
    lines = []
    for number in (1, 2):
        start = f'{{"nik": "{number:016}", "list_name": "PANJANG", "valid_on": "2020-01-01", "note": "'
        lines.append(start + "x" * (MIB + rng.choice((0, 1)) - len(start) - 2) + '"}')
        lines.append(f'{{"nik": "{number + 100:016}", "list_name": "PENDEK", "valid_on": "2020-01-01"}}')
    return "\n".join(lines).encode()


def gzipped(rng, content):
    """The content as gzip, sometimes of two members."""
    if len(content) > 1 and rng.random() < 0.15:
        half = rng.randrange(1, len(content))
        return gzip.compress(content[:half], mtime=0) + gzip.compress(content[half:], mtime=0)
    return gzip.compress(content, mtime=rng.choice((0, 1_600_000_000)))


def file_date(rng, received_at):
    """Any real day as eight digits; mostly that of the receipt."""
    day = datetime.date(1970, 1, 1) + datetime.timedelta(microseconds=received_at)
    return rng.choice((f"{day:%Y%m%d}",) * 8 + ("20200229", "99991231", "19000101"))
