"""The set-wise readers of CSV and NDJSON against the reference that reads a character at a time."""

import json
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from cair.channels.inbox.framing import LIMIT, RAW_LIMIT, Framer
from tests.inbox.reading import assert_read_alike

CUTS = st.lists(st.integers(0, 300), max_size=6)
LIMITS = st.sampled_from([48, 60, 100, LIMIT])
LINES = st.sampled_from([1, 2, 5, 1000])

CSV_HEADERS = st.sampled_from(
    [
        b"redeem_code,course_code,occurred_at,note\n",
        b'course_code,"redeem_code",occurred_at,\r\n',
        b'\n\r\nnote," occurred_at ",redeem_code,course_code\n',
        b'"no\n""te",occurred_at,redeem_code,course_code\n',
        b"",
    ]
)
BREAKS = [b"\n", b"\r", b"\r\n", b'"\n', b'\n"']
BLANKS = [b" ", b"\t", b"\xc2\xa0", b"\xc2", b"\xff", b"\x00", b"\xef\xbb\xbf"]
ROWS = [b"x,y,z,w\n", b'"q",,"r","s"\r\n', b'1,"a\n b",3,4\n', b" 1,2\t,\xc2\xa0,4\n"]
CSV_PIECES = st.sampled_from([b'"', b",", b"a", b'""', b'",', b',"', *BREAKS, *BLANKS, *ROWS])

NAMES = ["nik", "list_name", "valid_on", "revision", "x", "n\\u0069k", ""]
SCALARS = [
    '"a"',
    '" b\\t"',
    '"\\u00a0c "',
    "12",
    "-0",
    "1.50",
    "1E+5",
    "null",
    "true",
    "false",
    '"{"',
    '"}"',
    '"[,"',
    '""',
]
FAULTS = ["NaN", "01", "1.", '"\\ud83d"', '"\\u0000"', '"\\x"', "tru", '"\t"', "", "[1", "'a'", "-"]
NESTED = ['{"a":1}', '{"a":1,"a":1}', '["\\u0000"]', "[]", '[[],{"nik":[2]}]', '["\\ud83d\\ude00",{}]', "[1,]"]
SPACES = st.sampled_from(["", "", "", " ", "\t", "   ", "          ", "\u00a0"])
VALUES = st.one_of(*(st.sampled_from(SCALARS),) * 6, st.sampled_from(FAULTS), st.sampled_from(NESTED))


@st.composite
def json_lines(draw):
    """A line that is nearly an object, or something else."""
    members = draw(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=5))
    space = draw(SPACES)
    body = ("," + space).join(f'"{name}"{draw(SPACES)}:{space}{value}' for name, value in members)
    line = draw(SPACES) + "{" + space + body + space + "}" + draw(SPACES)
    line = draw(st.sampled_from([line] * 8 + [line[:-1], line + line, "", " \u00a0", "[1]", line + ",", line * 9]))
    return line.encode() + draw(st.sampled_from([b"\n"] * 6 + [b"\r\n", b"", b"\xff\n", b"\x00\n"]))


@st.composite
def alike_json(draw):
    """Lines as one program writes them: the same members each, now and then one more or fewer."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.lists(st.sampled_from(SCALARS), min_size=4, max_size=4), min_size=1, max_size=6))
    lines = [
        "{" + ", ".join(f'"{name}": {value}' for name, value in zip(names, row, strict=False)) + "}" for row in rows
    ]
    return "\n".join(draw(st.permutations(lines + draw(st.lists(st.just('{"nik":"1"}'), max_size=1))))).encode()


@settings(max_examples=400, deadline=None)
@given(CSV_HEADERS, st.lists(CSV_PIECES, max_size=40), CUTS, LIMITS, LINES)
def test_csv_is_read_as_the_reference_reads_it(header, pieces, cuts, limit, lines):
    assert_read_alike(header + b"".join(pieces), cuts, "redemptions", "csv", limit=limit, lines=lines)


@settings(max_examples=400, deadline=None)
@given(st.lists(json_lines(), max_size=6), CUTS, LIMITS, LINES)
def test_ndjson_is_read_as_the_reference_reads_it(pieces, cuts, limit, lines):
    assert_read_alike(b"".join(pieces), cuts, "registry", "ndjson", limit=limit, lines=lines)


@settings(max_examples=150, deadline=None)
@given(alike_json(), CUTS)
def test_ndjson_of_one_program_is_read_as_the_reference_reads_it(content, cuts):
    assert_read_alike(content, cuts, "registry", "ndjson")


def test_two_lines_that_share_one_object_are_two_faults():
    for content in (b'{"nik":"}\n{"}\n', b'{"nik":1\n,"x":2}\n', b'{}{}\n{"x":\n1}\n', b'{"x":[{}\n{}]}\n'):
        assert_read_alike(content, [], "registry", "ndjson")


def test_an_object_may_nest_deeper_than_a_parser_that_calls_itself():
    deep = b'{"nik":"1","x":' + b'[{"a":' * 5000 + b"1" + b"}]" * 5000 + b',"list_name":"L"}'
    for line in (deep, deep[:-1], deep.replace(b"1}]", b"1]]", 1), deep + deep, deep.replace(b'"L"', b"[]")):
        assert_read_alike(line + b"\n{}", [], "registry", "ndjson")


def test_a_record_of_exactly_the_limit_is_read_and_one_byte_more_is_not():
    for size in (LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, 2 * LIMIT):
        for line in (b"a,b,c," + b"x" * (size - 6), b'a,b,c,"' + b"\n" * (size - 8) + b'"'):
            for end in (b"\n", b"\r\n", b""):
                content = b"redeem_code,course_code,occurred_at,note\n1,2,3,4\n" + line + end + b"5,6,7,8\n" * bool(end)
                assert_read_alike(content, [60, LIMIT // 2, LIMIT + 49, LIMIT + 50], "redemptions", "csv")
        assert_read_alike(json.dumps({"nik": "x" * (size - 11)}).encode() + b"\n{}", [9], "registry", "ndjson")
        assert_read_alike(b" " * size + b"\xc2\xa0 \n{}", [size + 1], "registry", "ndjson")


def test_a_line_without_end_is_let_go_while_it_is_read():
    chunk = b"x" * LIMIT
    blocks = (b"redeem_code,course_code,occurred_at\n", *(chunk for _ in range(100)), b"\na,b,c\n")
    tracemalloc.start()
    frames = list(Framer(quoting=True).frames(blocks))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [frame.raw(0)[:5] for frame in frames] == [b"redee", b"xxxxx", b"a,b,c"]
    assert frames[1].faulty.all()
    assert len(frames[1].raw(0)) == RAW_LIMIT
    assert peak < 32 * LIMIT
