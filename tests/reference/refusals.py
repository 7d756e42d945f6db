"""Files that are refused whole, one maker per reason and way (contract section 2)."""

import gzip

from tests.reference.feeds import MIB
from tests.reference.tables import FEEDS
from tests.reference.writing import parquet_bytes

FEEDS_OF_ALL = ("redemptions", "completions", "accounts", "purchases")
FEEDS_OF_THE_OFFICE = ("courses", "holds", "resolutions", "surveys")


def refused_file(rng, date, number):
    """A file (name, bytes; None when it is not there) that is refused whole."""
    feed = rng.choice(FEEDS_OF_ALL)
    partner = rng.choice(("plat1", "duo", "prov1", "x"))
    columns = [column["name"] for column in FEEDS[feed] if not column["optional"]]
    header = ",".join(columns).encode()
    good = header + b"\n" + b"x," * (len(columns) - 1) + b"x\n"
    csv = f"{feed}.{partner}.{date}.{number}.csv"
    parquet = csv.replace(".csv", ".parquet")
    makers = (
        lambda: (bad_name(rng, feed, partner, date), good),
        lambda: (
            f"{rng.choice(('purchase', 'voids', 'payments', 'bukan', 'x', 'revision'))}.{partner}.{date}.csv",
            good,
        ),
        lambda: (wrong_partner(rng, date, number), good),
        lambda: (csv, unreadable_header(rng, header)),
        lambda: (csv, None),
        lambda: (parquet, no_parquet(rng, columns, good)),
        lambda: (csv + ".gz", rng.choice((good, b"PK\x03\x04"))),
        lambda: (csv + ".gz", flipped(rng, gzip.compress(good * 9, mtime=0))),
        lambda: (csv + ".gz", truncated(rng, good)),
        lambda: (csv, missing_column(rng, header, columns)),
        lambda: (parquet, parquet_bytes(rng, columns[:-1], [["x"]] * (len(columns) - 1))),
        lambda: (csv + ".gz", gzip.compress(rng.choice((b"", b"\xef\xbb\xbf", b"\n")), mtime=0)),
        lambda: (csv, repeated_column(rng, header)),
        lambda: (parquet, parquet_bytes(rng, [*columns, columns[0]], [["x"]] * (len(columns) + 1))),
    )
    return rng.choice(makers)()


def wrong_partner(rng, date, number):
    """A feed of the office's from another."""
    return f"{rng.choice(FEEDS_OF_THE_OFFICE)}.{rng.choice(('duo', 'pm0', 'pmo-2', '-'))}.{date}.{number}.csv"


def unreadable_header(rng, header):
    """A header with faulty quoting, bytes that are no text, or more than 1 MiB."""
    headers = (
        header[:3] + b'"' + header[3:],
        header + b",\xff",
        header + b",\x00",
        header + b',"open',
        b'"a"b,' + header,
        header + b",note" + b"x" * MIB,
    )
    return rng.choice(headers) + b"\nx\n"


def no_parquet(rng, columns, good):
    """Bytes that are not a whole Parquet file."""
    cut = parquet_bytes(rng, columns, [["x"]] * len(columns))[:-6]
    return rng.choice((b"", b"PAR1", good, b"PAR1" + b"\x00" * 40 + b"PAR1", cut))


def truncated(rng, good):
    """A compressed stream that ends early, in its first or second member, or is empty."""
    whole = gzip.compress(good * 9, mtime=0)
    return rng.choice((b"", b"\x1f\x8b", whole[:3], whole[:10], whole[:12], whole[:-9], whole[:-1], whole + whole[:-5]))


def missing_column(rng, header, columns):
    """A CSV without header, or without one of the columns that must be there."""
    short = header[: -len(columns[-1])]
    return rng.choice((b"", b"\n\r\n", b"\xef\xbb\xbf", short + b"\nx\n", header.upper() + b"\n", b"x\n"))


def repeated_column(rng, header):
    """A name twice, be it of an unknown column or with white space around it."""
    twice = (b"," + header.split(b",")[0], b",note,note", b',"note", note\t', b",revision,revision")
    return header + rng.choice(twice) + b"\nx\n"


def flipped(rng, content):
    """A bit of the check sum or the length at the end turned over."""
    place = rng.randrange(1, 9)
    turned = content[-place] ^ (1 << rng.randrange(8))
    return content[: len(content) - place] + bytes([turned]) + content[len(content) - place + 1 :]


def bad_name(rng, feed, partner, date):
    """A name that is not of the form."""
    return rng.choice(
        (
            f"{feed}-{partner}-{date}.csv",
            f"{feed}.{partner.upper()}.{date}.csv",
            f"{feed}.plat_a.{date}.csv",
            f"{feed}..{date}.csv",
            f"{feed}.{partner}.20200431.csv",
            f"{feed}.{partner}.20210229.csv",
            f"{feed}.{partner}.20201399.csv",
            f"{feed}.{partner}.00000000.csv",
            f"{feed}.{partner}.2020-06-01.csv",
            f"{feed}.{partner}.{date}.1.2.csv",
            f"{feed}.{partner}.{date}.a+b.csv",
            f"{feed}.{partner}.{date}..csv",
            f"{feed}.{partner}.{date}.txt",
            f"{feed}.{partner}.{date}.CSV",
            f"{feed}.{partner}.{date}.csv.GZ",
            f"{feed}.{partner}.{date}.parquet.gz",
            f"{feed}.{partner}.{date}.7.parquet.gz",
            f"{feed}.{partner}.{date}.csv.bz2",
            f"{feed}.{partner}.{date}",
            f"{feed}.{partner}.csv",
            f"{feed} .{partner}.{date}.csv.",
        )
    )
