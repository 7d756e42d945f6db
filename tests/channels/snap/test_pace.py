"""Budgets of calls, waits that grow, a partner's hours and its profile."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.channels.payments.snap.pace import Budget, FaultyRequests, next_inquiry
from cair.channels.payments.snap.profile import SnapProfile, UnableToUseProfile, read_profile

NOW = datetime(2026, 1, 15, 2, 30, tzinfo=UTC)


@given(st.floats(0.1, 50), st.floats(1, 30), st.lists(st.floats(0, 20), min_size=1, max_size=60))
def test_a_budget_never_gives_more_than_its_rate_and_what_was_saved(rate, capacity, pauses):
    budget, now, drawn = Budget.full(rate=rate, capacity=capacity, now=NOW), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        budget, wait = budget.draw(now)
        if wait:
            later, again = budget.draw(now + wait + timedelta(microseconds=1))
            assert not again, "after the wait it named there is one to draw"
            assert later.level < 1
        else:
            drawn += 1
        assert drawn <= capacity + (now - NOW).total_seconds() * rate + 1e-6


def test_a_clock_that_runs_back_gives_nothing_away():
    budget, _ = Budget.full(rate=1, capacity=1, now=NOW).draw(NOW)
    assert budget.draw(NOW - timedelta(hours=1))[1] > timedelta(0)
    assert Budget.full(rate=4, capacity=9, now=NOW).halved(NOW).rate == 2


@given(st.text(min_size=1, max_size=12), st.integers(0, 200))
def test_waits_double_up_to_the_longest_and_come_again(reference, asked):
    first, longest = timedelta(seconds=5), timedelta(minutes=30)
    wait = next_inquiry(reference, asked, NOW) - NOW
    plain = min(first * 2 ** min(asked, 20), longest)
    assert plain * 0.75 <= wait <= plain * 1.25
    assert next_inquiry(reference, asked, NOW) - NOW == wait


def test_faulty_requests_stop_the_rail_above_half_a_percent():
    tally = FaultyRequests()
    for number in range(400):
        tally = tally.counted(faulty=number < 2)
    assert not tally.stops_rail
    assert tally.counted(faulty=True).stops_rail
    assert not FaultyRequests(3, 3).stops_rail


def _profile(**more: object) -> SnapProfile:
    return SnapProfile(name="b", base_url="http://x", partner_id="p", client_id="c", **more)


def test_a_quiet_period_shorter_than_a_call_is_refused():
    with pytest.raises(UnableToUseProfile, match="quiet period"):
        _profile(timeout=60, quiet_period=timedelta(seconds=60))
    with pytest.raises(UnableToUseProfile, match="forgotten"):
        _profile(remembers_references_for=timedelta(hours=24))


def test_external_ids_are_digits_and_differ_by_call():
    profile = _profile(digits=18)
    names = {profile.external_id(f"R-{number}", call) for number in range(50) for call in range(20)}
    assert len(names) == 1_000
    assert {len(name) for name in names} == {18}
    assert all(name.isdigit() for name in names)


def test_hours_may_run_over_midnight():
    jakarta = [datetime(2026, 1, 15, hour, tzinfo=UTC) - timedelta(hours=7) for hour in range(24)]
    day = _profile(opens=jakarta[6].time().replace(hour=6), closes=jakarta[6].time().replace(hour=20))
    night = _profile(opens=day.closes, closes=day.opens)
    assert [day.is_open(now) for now in jakarta] == [6 <= hour < 20 for hour in range(24)]
    assert [night.is_open(now) for now in jakarta] == [not 6 <= hour < 20 for hour in range(24)]
    assert all(_profile().is_open(now) for now in jakarta)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not a readable TOML"),
        ('name = "b"\nwat = 1', "unknown setting 'wat'"),
        ('name = "b"', "missing"),
        ('name = "b"\nbase_url = "x"\npartner_id = "p"\nclient_id = "c"\nkind = "shop"', "wrong value"),
        ('name = "b"\nbase_url = "x"\npartner_id = "p"\nclient_id = "c"', "private_key_file is missing"),
        ('name = "b"\nbase_url = "x"\npartner_id = "p"\nclient_id = "c"\nprivate_key_file = "no"', "cannot be read"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str):
    path = tmp_path / "b.toml"
    path.write_text(text)
    with pytest.raises(UnableToUseProfile, match=said):
        read_profile(path)
