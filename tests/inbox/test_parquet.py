"""Parquet: what each type reads as, which rows are malformed, and that damage refuses the file."""

import datetime
import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cair.channels.inbox.reader import UnableToTakeFile, read, read_name

NAME = "redemptions.p.20200101.parquet"
MALFORMED = "(malformed)"
MICROS = 1592960523000004


def read_table(folder, table, **options):
    pq.write_table(table, folder / NAME, **options)
    return list(read(folder / NAME, read_name(NAME)))


def codes(folder, column, **options):
    """What the column reads as when it stands for redeem_code, row by row."""
    rest = pa.array(["x"] * len(column))
    batches = read_table(
        folder, pa.table({"redeem_code": column, " course_code": rest, "occurred_at": rest}), **options
    )
    read = dict.fromkeys((line for batch in batches for line in batch.malformed_lines), MALFORMED)
    for batch in batches:
        read |= dict(zip(batch.lines.to_pylist(), batch.values["redeem_code"].to_pylist(), strict=True))
    return [read[line] for line in range(1, len(column) + 1)]


def decimals(*values, scale):
    return pa.array([decimal.Decimal(value) for value in values], pa.decimal128(20, scale))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([5.0, 1e20, 1e-7, 123456789.25, None]), ["5", "1" + "0" * 20, "0.0000001", "123456789.25", None]),
        (pa.array([0.5, -0.0]), ["0.5", "-0"]),
        (pa.array([float("nan"), float("inf")]), ["nan", "inf"]),
        (pa.array([5.0, 0.1, 16777216.0], pa.float32()), ["5", "0.1", "16777216"]),
        (decimals("10.00", "0.10", "1234.5678", scale=4), ["10", "0.1", "1234.5678"]),
        (decimals("0.0000000001", "100", scale=10), ["0.0000000001", "100"]),
        (decimals("100", "0", scale=0), ["100", "0"]),
        (pa.array([-5, 0, None], pa.int8()), ["-5", "0", None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([datetime.date(2020, 1, 2), datetime.date(1, 1, 1)]), ["2020-01-02", "0001-01-01"]),
        (pa.array([MICROS, None], pa.timestamp("us", "Asia/Jakarta")), ["2020-06-24 01:02:03.000004Z", None]),
        (pa.array([-1], pa.timestamp("us", "UTC")), ["1969-12-31 23:59:59.999999Z"]),
        (pa.array([0], pa.timestamp("ms", "+07:00")), ["1970-01-01 00:00:00.000Z"]),
        (pa.array([MICROS * 1000], pa.timestamp("ns", "UTC")), ["2020-06-24 01:02:03.000004Z"]),
        (
            pa.array([MICROS * 1000 + 1, 0], pa.timestamp("ns", "UTC")),
            ["2020-06-24 01:02:03.000004001Z", "1970-01-01 00:00:00.000000Z"],
        ),
        (pa.array([MICROS], pa.timestamp("us")), ["2020-06-24 01:02:03.000004"]),
        (pa.array([" a\n", "\u00a0", "", None, "b\u00a0c"]), ["a", None, None, None, "b\u00a0c"]),
        (pa.array([" a", None, "b", " a"]).dictionary_encode(), ["a", None, "b", "a"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", "b" * 20], pa.string_view()), ["a", "b" * 20]),
        (pa.array([b"a", b"\xff", b"\x00", None]), ["a", MALFORMED, MALFORMED, None]),
        (pa.array(["a\x00", "b"]).dictionary_encode(), [MALFORMED, "b"]),
        (pa.array(["x" * (1 << 20), "y"]), [MALFORMED, "y"]),
        (pa.array([[1], None, []], pa.list_(pa.int64())), [MALFORMED, None, MALFORMED]),
        (pa.array([{"a": 1}, None]), [MALFORMED, None]),
        (pa.nulls(2), [None, None]),
    ],
)  # fmt: skip
def test_values_are_read_by_their_text(tmp_path, column, expected):
    assert codes(tmp_path, column) == expected
    assert codes(tmp_path, column, row_group_size=1) == expected


def test_other_columns_do_not_matter_unless_their_text_is_broken(tmp_path):
    plain = pa.array(["x", "y"])
    columns = {"redeem_code": plain, "course_code": plain, "occurred_at": plain}
    columns |= {"nested": pa.array([[1], [2]]), "": plain, "note": pa.array(["\x00", "z"])}
    (batch,) = read_table(tmp_path, pa.table(columns))
    assert batch.malformed_lines == [1]
    assert json.loads(batch.raw([0])[0]) == {"redeem_code": "y", "course_code": "y", "occurred_at": "y"}
    assert json.loads(batch.malformed_raw[0])["redeem_code"] == "x"


def test_repeated_values_do_not_grow_with_their_number(tmp_path):
    giant = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array(["x" * 1_000_000]))
    rest = pa.array(["x"] * 300)
    batches = read_table(tmp_path, pa.table({"redeem_code": giant, "course_code": rest, "occurred_at": rest}))
    assert sum(batch.values.num_rows for batch in batches) == 300
    assert max(batch.values.nbytes for batch in batches) < 20_000_000


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["redeem_code", "course_code", "occurred_at", "note", "note"], "REPEATED_COLUMN"),
        (["redeem_code", "course_code", "course_code"], "MISSING_COLUMN"),
        ([], "MISSING_COLUMN"),
    ],
)
def test_columns_that_are_missing_or_repeated_refuse_the_file(tmp_path, names, expected):
    with pytest.raises(UnableToTakeFile) as refused:
        read_table(tmp_path, pa.table([pa.array(["x"])] * len(names), names=names))
    assert refused.value.refusal == expected


def test_a_file_without_rows_is_an_empty_file(tmp_path):
    empty = pa.array([], pa.string())
    assert read_table(tmp_path, pa.table({"redeem_code": empty, "course_code": empty, "occurred_at": empty})) == []


def test_damage_refuses_the_file_whatever_its_columns(tmp_path):
    pq.write_table(pa.table({"redeem_code": pa.array([str(n) for n in range(1000)])}), tmp_path / NAME)
    whole = (tmp_path / NAME).read_bytes()
    for content in (b"", b"PAR1", whole[:-1], whole[:100] + bytes(100) + whole[200:]):
        (tmp_path / NAME).write_bytes(content)
        with pytest.raises(UnableToTakeFile) as refused:
            list(read(tmp_path / NAME, read_name(NAME)))
        assert refused.value.refusal == "UNREADABLE"
