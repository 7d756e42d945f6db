"""Whole files: names, refusals in their order, numbering, and that what is read adds up."""

import gzip
import os

import pytest

from cair.channels.inbox import framing, source
from cair.channels.inbox.reader import UnableToTakeFile, read, read_name
from tests.reference import feeds as reference

HEADER = b"redeem_code,course_code,occurred_at\n"
LACKING = b"redeem_code\nx\n"


def read_all(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return list(read(path, read_name(name)))


def refusal(folder, name, content):
    with pytest.raises(UnableToTakeFile) as refused:
        read_all(folder, name, content)
    return str(refused.value.refusal)


@pytest.mark.parametrize(
    "name",
    [
        "redemptions.p.20200101.csv",
        "redemptions.p-2.20200229.A_b-9.ndjson.gz",
        "redemptions.p.20200101.parquet",
        "redemptions.p.20200101.csv.csv",
        "redemptions.p.20200101.parquet.gz",
        "redemptions.p.20200101.csv.zip",
        "redemptions.p.20210229.csv",
        "redemptions.p.00000101.csv",
        "redemptions.P.20200101.csv",
        "redemptions..20200101.csv",
        "redemptions.p.20200101..csv",
        "redemptions.p.20200101.a.b.csv",
        "redemptions.p.20200101.ä.csv",
        "redemptions.p.２０２００１０１.csv",
        "redemptions.p.20200101.csv\n",
        "Redemptions.p.20200101.csv",
        "nothing.P.20200101.csv",
        "nothing.p.20200101.csv",
        "surveys.pmo-2.20200101.csv",
        "surveys.pmo.20200101.csv",
        "reviews.p.20200101.csv",
        ".p.20200101.csv",
        "",
    ],
)
def test_names_are_read_as_the_reference_reads_them(name):
    try:
        expected = reference.read_name(name)
    except reference.Refused as refused:
        expected = refused.reason
    try:
        found = read_name(name)
        found = {"feed": found.feed, "partner": found.partner, "form": found.format, "compressed": found.compressed}
    except UnableToTakeFile as refused:
        found = str(refused.refusal)
    assert found == expected


PACKED = gzip.compress(HEADER + b"a,b,c\n" * 1000, mtime=0)
DAMAGED = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]
LACKING_PACKED = gzip.compress(LACKING * 1000, mtime=0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "TRUNCATED"),
        (b"\x1f", "TRUNCATED"),
        (PACKED[:9], "TRUNCATED"),
        (PACKED[:-1], "TRUNCATED"),
        (PACKED + PACKED[:20], "TRUNCATED"),
        (PACKED + b"\x00\x00x", "UNREADABLE"),
        (DAMAGED, "UNREADABLE"),
        (HEADER, "UNREADABLE"),
        (b"\x00\x00", "UNREADABLE"),
        (LACKING_PACKED, "MISSING_COLUMN"),
        (LACKING_PACKED[:-1], "TRUNCATED"),
        (LACKING_PACKED + b"x", "UNREADABLE"),
        (gzip.compress(b'redeem"_code\n' * 1000, mtime=0)[:-1], "UNREADABLE"),
        (gzip.compress(b'"redeem_code\n' * 1, mtime=0)[:-1], "TRUNCATED"),
        (gzip.compress(b"", mtime=0), "MISSING_COLUMN"),
    ],
)
def test_compressed_files_are_refused_by_the_first_reason(tmp_path, content, expected):
    assert refusal(tmp_path, "redemptions.p.20200101.csv.gz", content) == expected


def test_members_one_after_the_other_and_padding_are_one_file(tmp_path):
    content = PACKED + b"\x00" * 9 + gzip.compress(b"") + gzip.compress(b"d,e,f\nx") + b"\x00" * 5
    (batch,) = read_all(tmp_path, "redemptions.p.20200101.csv.gz", content)
    assert batch.values.num_rows == 1001
    assert batch.malformed_lines == [1002]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "MISSING_COLUMN"),
        (b"\xef\xbb\xbf\r\n\n", "MISSING_COLUMN"),
        (HEADER[:-1] + b",a,a\n", "REPEATED_COLUMN"),
        (b"redeem_code,redeem_code\n", "MISSING_COLUMN"),
        (b'redeem_code,"x\n', "UNREADABLE"),
        (HEADER[:-1] + b",\xff\n", "UNREADABLE"),
        (HEADER[:-1] + b",\x00\n", "UNREADABLE"),
        (HEADER[:-1] + b"," + b"x" * framing.LIMIT, "UNREADABLE"),
        (PACKED, "UNREADABLE"),
    ],
)
def test_headers_are_refused_by_the_first_reason(tmp_path, content, expected):
    assert refusal(tmp_path, "redemptions.p.20200101.csv", content) == expected


def test_what_is_no_file_to_read_is_refused(tmp_path):
    name = read_name("redemptions.p.20200101.csv")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "closed").touch()
    (tmp_path / "closed").chmod(0)
    paths = ["folder", "pipe", "missing", "a\x00b"]
    if os.geteuid() != 0:
        paths.append("closed")
    for path in paths:
        with pytest.raises(UnableToTakeFile) as refused:
            list(read(tmp_path / path, name))
        assert refused.value.refusal == "UNREADABLE"
        assert str(tmp_path) not in refused.value.why


def test_a_compressed_file_named_ndjson_is_refused(tmp_path):
    assert refusal(tmp_path, "redemptions.p.20200101.ndjson", PACKED) == "UNREADABLE"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\n\xc2\xa0\n"])
def test_ndjson_without_lines_is_an_empty_file(tmp_path, content):
    assert read_all(tmp_path, "redemptions.p.20200101.ndjson", content) == []


def test_columns_come_in_the_order_of_the_feed_and_lines_keep_their_number(tmp_path):
    header = b"\xef\xbb\xbfrevision,note,,occurred_at,course_code,,redeem_code\n"
    content = header + b',,,\xc2\xa0o , c\t,,"r""\n"\r\n\nbad\n2,,,,x,,\n'
    (batch,) = read_all(tmp_path, "redemptions.p.20200101.csv", content)
    assert batch.values.to_pylist() == [
        {"redeem_code": 'r"', "course_code": "c", "occurred_at": "o", "revision": None},
        {"redeem_code": None, "course_code": "x", "occurred_at": None, "revision": "2"},
    ]
    assert batch.lines.to_pylist() == [1, 3]
    assert (batch.malformed_lines, batch.malformed_raw) == ([2], [b"bad"])
    assert batch.raw([1, 0]) == [b"2,,,,x,,", b',,,\xc2\xa0o , c\t,,"r""\n"']


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_records_are_numbered_on_through_blocks_and_batches(tmp_path, form, monkeypatch):
    monkeypatch.setattr(source, "BLOCK", 1 << 20)
    monkeypatch.setattr(source, "_PIECE", 1 << 16)
    rows = [(b"%d,c,o" if form == "csv" else b'{"redeem_code":%d}') % number for number in range(1, 400_001)]
    rows[199_999] = b"bad"
    content = (HEADER if form == "csv" else b"") + b"\n\n".join(rows)
    batches = read_all(tmp_path, f"redemptions.p.20200101.{form}", content)
    assert len(batches) > 2
    assert [line for batch in batches for line in batch.malformed_lines] == [200_000]
    for batch in batches:
        lines = batch.lines.to_pylist()
        assert [int(code) for code in batch.values["redeem_code"].to_pylist()] == lines
        assert batch.raw([0, len(lines) - 1]) == [rows[lines[0] - 1], rows[lines[-1] - 1]]
    assert batches[-1].position == len(content)
