"""The program itself, as a user meets it: exit statuses, one JSON document, messages without tracebacks."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CODES = "redeem_code,course_code,occurred_at\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def cair(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "cair.cli.main", *words]
    environment = {**os.environ, "CAIR_HOME": str(home), "LANG": "en_US.UTF-8"}
    environment.pop("CAIR_DATABASE_URL", None)
    return subprocess.run(program, capture_output=True, text=True, env=environment, check=False, timeout=120)


def test_bad_usage_ends_with_2_and_a_sentence(home: Path) -> None:
    for words in (
        ["intake"],
        ["funnel", "--as-of", "yesterday"],
        ["export", "decisions", "x.xlsx"],
        ["explain", "123"],
        ["ledger", "statement", "Assets:Nonsense"],
        ["ledger", "balance", "--as-of", "yesterday"],
        ["nonsense"],
        ["intake", str(home), "--received-at", "2099-01-01T00:00:00Z"],
    ):
        done = cair(home, *words)
        assert done.returncode == 2, (words, done.stderr)
        assert done.stderr.strip()
        assert "Traceback" not in done.stderr


def test_every_bad_file_is_named_and_the_others_go_in(home: Path, tmp_path: Path) -> None:
    good = f"{CODES}R1,c1,2020-06-01T00:00:00Z\nR2,c1,2999-06-01T00:00:00Z\n3.17401E+15,c1,2020-06-01 00:00:00Z\n"
    files = {
        "redemptions.p.20200601.csv": good.encode(),
        "redemptions.p.20200601.2.csv.gz": gzip.compress(good.encode() * 99)[:-30],
        "redemptions.p.20200601.3.csv": b"redeem_code,occurred_at\n",
        "redemptions.p.20200601.4.csv": b"",
        "redemptions.p.20200601.5.csv": CODES.encode("utf-16"),
        "redemptions.p.20200601.6.csv": f"{CODES}a\0b,c1,2020-06-01T00:00:00Z\n".encode() + b"x" * (2 << 20) + b"\n",
        "purchases.p.20200601.csv": b"invoice_code,card_number,course_code,amount_idr,redeem_code,status,occurred_at\n"
        b"i,3.17401E+15,c,1,R9,SUCCESS,2020-06-01T00:00:00Z\n",
        "unknown.p.20200601.csv": b"a\n1\n",
        "revocations.other.20200601.csv": b"a\n1\n",
        "not a name.csv": b"a\n1\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = cair(home, "intake", str(tmp_path), "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert {row["name"]: row["reason"] for row in said["refused"]} == {
        "not a name.csv": "BAD_NAME",
        "unknown.p.20200601.csv": "UNKNOWN_FEED",
        "revocations.other.20200601.csv": "WRONG_PARTNER",
        "redemptions.p.20200601.2.csv.gz": "TRUNCATED",
        "redemptions.p.20200601.3.csv": "MISSING_COLUMN",
        "redemptions.p.20200601.4.csv": "MISSING_COLUMN",
        "redemptions.p.20200601.5.csv": "UNREADABLE",
    }
    counts = {row["name"]: (row["lines"], row["accepted"], row["rejected"]) for row in said["files"]}
    assert counts == {
        "redemptions.p.20200601.csv": (3, 2, 1),
        "redemptions.p.20200601.6.csv": (2, 0, 2),
        "purchases.p.20200601.csv": (1, 0, 1),
    }


def test_json_is_one_document_and_errors_have_no_traceback(home: Path, tmp_path: Path) -> None:
    for words in (
        ["funnel"],
        ["breaks"],
        ["doctor"],
        ["hold", "list"],
        ["ledger", "balance"],
        ["ledger", "statement", "Liabilities:Incentives:normal-2023"],
        ["reconcile"],
        ["reconcile", "--full"],
        ["verify"],
    ):
        done = cair(home, *words, "--json")
        assert done.returncode == 0, (words, done.stderr)
        json.loads(done.stdout)
    for words in (
        ["explain", "0000000000000000"],
        ["export", "decisions", str(tmp_path / "no" / "folder" / "d.csv")],
        ["hold", "end", "none"],
    ):
        done = cair(home, *words, "--json")
        assert done.returncode == 1, (words, done.stderr)
        assert "error" in json.loads(done.stdout)
        assert "Traceback" not in done.stderr


def test_receipts_never_run_backwards(home: Path, tmp_path: Path) -> None:
    (tmp_path / "redemptions.q.20200601.csv").write_text(f"{CODES}R1,c1,2020-06-01T00:00:00Z\n")
    assert cair(home, "intake", str(tmp_path)).returncode == 0
    done = cair(home, "intake", str(tmp_path), "--received-at", "2020-01-01T00:00:00Z", "--json")
    assert done.returncode == 2
    assert "backwards" in done.stderr
