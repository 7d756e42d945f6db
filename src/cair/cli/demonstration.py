"""What `cair demo` shows while it works, and at its end."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Literal

from cair.cli.terminal import console, office, progress, say
from cair.journeys import demonstrate, demonstrate_money
from cair.kernel.days import instant_of, instant_text
from cair.store.configuration import read_configuration

Language = Literal["id", "en"]
_TOLD = {
    "files": {"en": "partners' files made", "id": "berkas mitra dibuat"},
    "intake": {"en": "taken in", "id": "diterima"},
    "decided": {"en": "everyone decided, figures counted", "id": "semua diputuskan, angka dihitung"},
    "release": {
        "en": "training money booked; what is due released, twice approved",
        "id": "dana pelatihan dibukukan; yang siap bayar dilepas, dua persetujuan",
    },
    "paid": {"en": "paid through the bank sandbox, settled", "id": "dibayar lewat bank contoh, dicocokkan"},
    "report": {"en": "report written", "id": "laporan ditulis"},
}


@contextmanager
def _part(name: str, lang: Language, seconds: dict[str, float]) -> Iterator[Callable[[str, int, int], None]]:
    began = time.monotonic()
    with progress(_TOLD[name][lang]) as told:
        yield told
    seconds[name] = round(time.monotonic() - began, 1)
    say(f"  {seconds[name]:6.1f} s  {_TOLD[name][lang]}")


def run_demo(
    *, people: int, seed: int, until: date, lang: Language, quiet: bool, clock: Callable[[], datetime]
) -> dict[str, object]:
    """Run the demonstration; give what came out as a document."""
    demonstrate.clear_stage(read_configuration(os.environ))
    seconds: dict[str, float] = {}
    as_of = demonstrate.end_of(until)
    with office() as opened:
        demonstrate.mark_stage(opened, people=people, seed=seed)
        with _part("files", lang, seconds) as told:
            plan = demonstrate.make_files(opened, people=people, seed=seed, until=until, announce=told)
        with _part("intake", lang, seconds) as told:
            taken = demonstrate.take_plan(opened, plan, now=clock(), announce=told)
        with _part("decided", lang, seconds) as told:
            decided = demonstrate.decide(opened, as_of, announce=told)
        with _part("release", lang, seconds) as told:
            staff = demonstrate_money.give_budget(opened, as_of, people=people)
            money = demonstrate_money.release_due(opened, decided.training, as_of, staff=staff, announce=told)
        with _part("paid", lang, seconds) as told:
            demonstrate_money.pay_all(opened, money, as_of, announce=told)
        with _part("report", lang, seconds):
            report = demonstrate.write_page(
                opened,
                decided.tables,
                taken,
                as_of=as_of,
                people=people,
                seed=seed,
                money=money.by_day,
                books=money.totals,
            )
        home = opened.home
    lines = sum(sum(file.counts.values()) for file in taken.files)
    if not quiet:
        _show(decided.tables, lang)
        _show_money(money.document(), lang)
        sys.stdout.write(_closing(lang).format(files=len(taken.files), lines=lines, refused=len(taken.refused)))
        sys.stdout.write(f"\n{report}\n")
    return {
        "as_of": instant_text(instant_of(as_of)),
        "home": str(home),
        "report": str(report),
        "files": len(taken.files),
        "lines": lines,
        "refused": [{"name": name, "reason": str(reason)} for name, reason, _ in taken.refused],
        "decided": decided.run.people,
        "seconds": seconds,
        "money": money.document(),
        "funnel": decided.tables["funnel"],
    }


def _show(tables: dict[str, list[dict[str, object]]], lang: Language) -> None:
    from cair.cli.figures import render_funnel

    render_funnel(tables["funnel"], lang=lang, console=console())


def _show_money(document: dict[str, Any], lang: Language) -> None:
    sums: Counter[str] = Counter()
    for line in document["totals"].values():
        sums.update(line)
    told = {
        "en": "\nMoney: {released:,} released (Rp{released_idr:,}), {by_call:,} by calls, {by_file:,} by files; {told}.\n"
        "The books: incentives Rp{paid:,} paid, Rp{returned:,} of them came back; training Rp{granted_balance:,} on "
        "balances, Rp{reserved:,} reserved, Rp{earned_by_platforms:,} earned by platforms.\n",
        "id": "\nUang: {released:,} dilepas (Rp{released_idr:,}), {by_call:,} per panggilan, {by_file:,} per berkas; {told}.\n"
        "Buku besar: insentif Rp{paid:,} dibayar, Rp{returned:,} di antaranya kembali; pelatihan Rp{granted_balance:,} "
        "pada saldo, Rp{reserved:,} dicadangkan, Rp{earned_by_platforms:,} hak platform.\n",
    }
    sys.stdout.write(told[lang].format(**{**document, **sums}))


def _closing(lang: Language) -> str:
    if lang == "id":
        return "\n{lines:,} baris dari {files} berkas diterima, {refused} berkas ditolak. Laporan:"
    return "\n{lines:,} lines of {files} files taken in, {refused} files refused. The report:"
