"""What goes wrong on the way to the office: lines sent twice, contradicting, unreadable; unreadable files."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from cair.simulation.figures import read_figures
from cair.simulation.scenario import Scenario, dice

_LINES = 2_000_003
"""Purpose of these dice: no block has this number."""
_TWICE, _CONTRADICTING = 0.6, 0.15
"""Shares of faulty lines that come twice, and that come a second time with another instant; the rest is unreadable."""
_LOST = 0.2
"""Share of the unreadable lines whose good copy never comes."""
_INSTANT = re.compile(rb"(:\d\d:)(\d\d)")
_CARD = re.compile(rb"\b9990(\d\d)\d{10}\b")

Damage = Callable[[bytes], bytes]


class Spoiler:
    """Damages a share of the lines of text files, each file and block with its own dice."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._turn = 0
        self._office = read_figures().groups["office_partner"].start

    def __call__(self, lines: pa.Array, form: str, place: tuple[int, int]) -> pa.Array:
        """Lines with their copies and damaged copies among them; the header is not given.

        Of a partner's unreadable lines some never come again; the office's own lists are complete.
        """
        self._turn += 1
        generator = dice(self._scenario, _LINES, self._turn, *place)
        count = generator.binomial(len(lines), self._scenario.faults)
        if count == 0:
            return lines
        chosen = np.sort(generator.choice(len(lines), count, replace=False))
        fate = generator.random(count)
        lost = (fate > _TWICE + _CONTRADICTING) & (generator.random(count) < _LOST) & (place[0] != self._office)
        damages = JSON_DAMAGES if form.startswith("ndjson") else CSV_DAMAGES
        extra: list[bytes] = []
        for line, how in zip(lines.take(pa.array(chosen)).to_pylist(), fate, strict=True):
            if how < _TWICE:
                extra.append(line)
            elif how < _TWICE + _CONTRADICTING:
                extra.append(_INSTANT.sub(_other_second, line, count=1))
            else:
                extra.append(_damaged(damages, generator, line))
        after = np.where(fate < _TWICE + _CONTRADICTING, generator.integers(0, len(lines), count), chosen)
        after = np.where(fate < _TWICE + _CONTRADICTING, np.maximum(after, chosen), chosen - 1)
        kept = np.setdiff1d(np.arange(len(lines)), chosen[lost])
        every = pa.concat_arrays([lines.take(pa.array(kept)), pa.array(extra, pa.binary())])
        order = np.argsort(np.concatenate([kept, after + 0.5]), kind="stable")
        return every.take(pa.array(order))


def _other_second(found: re.Match[bytes]) -> bytes:
    return found[1] + b"%02d" % ((int(found[2]) + 7) % 60)


def _damaged(damages: tuple[Damage, ...], generator: np.random.Generator, line: bytes) -> bytes:
    for which in generator.permutation(len(damages)):
        worse = damages[which](line)
        if worse != line:
            return worse
    return line


def _spreadsheet_card(line: bytes) -> bytes:
    return _CARD.sub(rb"9.990\1E+15", line, count=1)


def _day_first(line: bytes) -> bytes:
    return re.sub(rb"2020-(\d\d)-(\d\d)", rb"\2/\1/2020", line, count=1)


def _invalid_byte(line: bytes) -> bytes:
    middle = len(line) // 2
    return line[:middle] + b"\xe9" + line[middle:]


def _with_nul(line: bytes) -> bytes:
    middle = len(line) // 2
    return line[:middle] + b"\x00" + line[middle:]


def _one_field_less(line: bytes) -> bytes:
    return line.partition(b",")[2] or line


def _stray_quote(line: bytes) -> bytes:
    # Text follows the quote: it must not happen to close one that stands open thousands of lines before.
    head, comma, tail = line.partition(b",")
    return head[:3] + b'"x' + head[3:] + comma + tail


def _open_quote(line: bytes) -> bytes:
    return b'"' + line if not line.startswith(b'"') else line


def _far_future(line: bytes) -> bytes:
    return re.sub(rb"2020-(\d\d-\d\d[T ])", rb"2029-\1", line, count=1)


def _emptied(line: bytes) -> bytes:
    return b"," + line.partition(b",")[2] if b"," in line else line


def _cut(line: bytes) -> bytes:
    return line[: len(line) // 2].rstrip(b"\n") + b"\n"


def _trailing_comma(line: bytes) -> bytes:
    return line.replace(b"}\n", b",}\n")


CSV_DAMAGES: tuple[Damage, ...] = (
    _spreadsheet_card,
    _day_first,
    _invalid_byte,
    _with_nul,
    _one_field_less,
    _stray_quote,
    _open_quote,
    _far_future,
    _emptied,
)
JSON_DAMAGES: tuple[Damage, ...] = (
    _spreadsheet_card,
    _day_first,
    _invalid_byte,
    _with_nul,
    _cut,
    _trailing_comma,
    _far_future,
)


def _find(names: list[tuple[int, str]], feed: str, ending: str) -> tuple[int, str]:
    """The middle one of the files of a feed with an ending (of any with the ending, if none has both)."""
    fitting = [entry for entry in names if entry[1].endswith(ending)]
    best = [entry for entry in fitting if entry[1].startswith(f"{feed}.")] or fitting or names
    return best[len(best) // 2]


def faulty_files(scenario: Scenario, folder: Path, names: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Add some files that must be refused, or that came before; gives their intakes and names."""
    if scenario.faults == 0:
        return []
    return [
        _sent_again(folder, names),
        _truncated(folder, names),
        _without_column(folder, names),
        _repeated_column(folder, names),
        _unknown_feed(folder, names),
        _wrong_name(folder, names),
        _not_the_office(folder, names),
        _empty_archive(folder, names),
    ]


def _sent_again(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    _, name = _find(names, "purchases", ".csv")
    again = name.replace(".csv", ".ulang.csv")
    (folder / again).write_bytes((folder / name).read_bytes())
    return max(entry[0] for entry in names), again


def _truncated(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "completions", ".csv.gz")
    content = (folder / name).read_bytes()
    cut = name.replace(".csv.gz", ".0.csv.gz")
    (folder / cut).write_bytes(content[: len(content) * 2 // 3])
    return step, cut


def _lines_of(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content)[:4_000].splitlines(keepends=True)[:-1]


def _without_column(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "confirmations", ".csv")
    lines = [line.partition(b",")[2] for line in _lines_of(folder / name)]
    wrong = name.replace(".csv", ".0.csv")
    (folder / wrong).write_bytes(b"".join(lines))
    return step, wrong


def _repeated_column(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "redemptions", ".csv")
    lines = [line.partition(b",")[0] + b"," + line for line in _lines_of(folder / name)]
    wrong = name.replace(".csv", ".0.csv")
    (folder / wrong).write_bytes(b"".join(lines))
    return step, wrong


def _unknown_feed(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "completions", ".csv")
    unknown = "certificates." + name.partition(".")[2]
    (folder / unknown).write_bytes(b"".join(_lines_of(folder / name)))
    return step, unknown


def _wrong_name(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "reviews", ".csv")
    wrong = name.replace(".", "_", 1).replace(".", " (1).", 1)
    (folder / wrong).write_bytes(b"".join(_lines_of(folder / name)))
    return step, wrong


def _not_the_office(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "appointments", ".csv")
    platform = read_figures().partners[read_figures().groups["platforms"].start].name
    wrong = name.replace(".pmo.", f".{platform}.")
    (folder / wrong).write_bytes(b"".join(_lines_of(folder / name)[:3]))
    return step, wrong


def _empty_archive(folder: Path, names: list[tuple[int, str]]) -> tuple[int, str]:
    step, name = _find(names, "accounts", ".ndjson.gz")
    empty = name.replace(".ndjson.gz", ".0.ndjson.gz")
    (folder / empty).write_bytes(b"")
    return step, empty
