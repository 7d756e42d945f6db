"""The next step with somebody who has not bought: which channel, which call list; texts for every class and day."""

import pyarrow as pa
import pytest

from cair.kernel.days import DAY
from cair.kernel.reasons import ReachClass
from cair.programme.sentences import LANGUAGES, outreach_text
from cair.rules.outreach import CASCADE, countdown, next_channels, too_soon


def next_of(
    reach: str, *, known_phone: bool = True, known_email: bool = True, held_out: bool = False, **heard: str
) -> str:
    columns = {f"on_{channel}": pa.array([heard.get(channel)], pa.string()) for channel in CASCADE}
    cases = pa.table({"reach": [reach], "is_held_out": [held_out], **columns})
    chosen: str = next_channels(
        cases, has_phone=pa.array([known_phone]).to_numpy(False), has_email=pa.array([known_email]).to_numpy(False)
    )[0].as_py()
    return chosen


@pytest.mark.parametrize(
    ("reach", "heard", "expected"),
    [
        ("NOT_CONTACTED", {}, "sms"),
        ("REACHED", {"sms": "FAILED", "email": "DELIVERED"}, "email"),
        ("DELIVERED", {"sms": "DELIVERED"}, "whatsapp"),
        ("NO_RECEIPT", {"sms": "SENT", "whatsapp": "SENT"}, "email"),
        ("UNREACHABLE", {"sms": "FAILED", "whatsapp": "FAILED", "email": "FAILED"}, "voice"),
        ("UNREACHABLE", dict.fromkeys(CASCADE, "FAILED"), "labour_office"),
        ("LOCKED_OUT", {"sms": "FAILED"}, "whatsapp"),
        ("LOCKED_OUT", dict.fromkeys(CASCADE, "FAILED"), "sms"),
        ("TRIED", {"sms": "DELIVERED"}, "helpdesk"),
    ],
)
def test_next_channel(reach: str, heard: dict[str, str], expected: str) -> None:
    assert next_of(reach, **heard) == expected


def test_only_where_an_address_is_known() -> None:
    assert next_of("NOT_CONTACTED", known_phone=False) == "email"
    assert next_of("NOT_CONTACTED", known_email=False, known_phone=False) == "labour_office"
    assert next_of("TRIED", known_phone=False) == "email"
    assert next_of("TRIED", held_out=True) == ""


def test_nobody_is_disturbed_within_seven_days() -> None:
    cases = pa.table({"last_message": pa.array([None, 0, 1, 100], pa.int64())})
    assert too_soon(cases, 7 * DAY).tolist() == [False, False, True, True]
    assert [countdown(day, 100) for day in (99, 100, 101, 107, 108)] == [
        "passed", "today", "within_7_days", "within_7_days", "later",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_messages_have_the_countdown_and_no_link(lang: str) -> None:
    for reach in ReachClass:
        texts = {outreach_text(reach, last_day=18_400 + day, today=18_400, lang=lang) for day in (-3, 0, 1, 9)}
        assert len(texts) == 4
        assert all("://" not in text and "{" not in text and text.isascii() and len(text) < 320 for text in texts)
