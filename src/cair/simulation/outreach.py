"""Messages to participants and what they did on the programme's site: what is known about those who do not buy."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.simulation.figures import read_figures
from cair.simulation.files import Rows
from cair.simulation.population import Block, People, instants, scatter
from cair.simulation.scenario import DAY, NEVER
from cair.simulation.trainings import HOUR, Trainings

_MESSAGE, _CONTACT = 17_320_508_077, 22_360_679_773
_STATUSES = ("sent", "delivered", "failed", "bounced", "opened", "clicked", "answered")
_SENT, _DELIVERED, _FAILED, _BOUNCED, _OPENED = range(5)
_KINDS = ("login", "login_failed", "otp_failed", "purchase_failed", "password_reset")
_LOGIN, _LOGIN_FAILED, _OTP_FAILED, _PURCHASE_FAILED, _PASSWORD_RESET = range(5)
_TRIED, _SIGNED_IN, _LOCKED_OUT, _REACHED, _DELIVERED_ONLY, _UNREACHABLE, _NO_RECEIPT, _NOT_CONTACTED, _BUYS = range(9)
_WHY_NOT_SENT = pa.array(["nomor tidak aktif", "kotak surat penuh", "alamat tidak ditemukan"])
_WHY_FAILED = pa.array([None, "kata sandi salah", "kode OTP kedaluwarsa", "saldo tidak terbaca, coba lagi", None])


@dataclass(frozen=True)
class _Events:
    """One entry an event: whose, which of his (a number below 16), what, when."""

    who: np.ndarray
    nth: np.ndarray
    what: np.ndarray
    at: np.ndarray


def _joined(*some: _Events) -> _Events:
    return _Events(*(np.concatenate([getattr(part, name) for part in some]) for name in ("who", "nth", "what", "at")))


def reach_classes(block: Block, first: Trainings) -> np.ndarray:
    """What shall be known about each person: one of the classes, or that he buys."""
    generator = block.dice(40)
    shares = np.array([entry["value"] for entry in read_figures().page["reach"].values()])
    classes = np.searchsorted(shares.cumsum() / shares.sum(), generator.random(block.size), side="right")
    classes[first.person] = _BUYS
    return classes


def messages(block: Block, people: People, classes: np.ndarray) -> Rows:
    """What became of the announcement and of the reminder, as the messaging partners tell it."""
    generator, figures = block.dice(41), read_figures()
    group = figures.groups["messaging_partners"]
    partner = group.start + generator.choice(len(group), block.size, p=figures.shares("messaging_partners"))
    announced = people.appointed + 9 * HOUR + generator.integers(0, 2 * DAY, block.size)
    reminded = people.appointed + 23 * DAY + 9 * HOUR + generator.integers(0, DAY, block.size)
    email = partner == group.start + 1
    last = _last_status(classes, email, generator)
    told = np.isin(classes, [_REACHED, _DELIVERED_ONLY, _UNREACHABLE, _NO_RECEIPT]) | (
        generator.random(block.size) < 0.55
    )
    told &= classes != _NOT_CONTACTED
    again = told & (classes != _BUYS) & (generator.random(block.size) < 0.6)
    events = _joined(
        _message(np.flatnonzero(told & (classes != _BUYS)), 0, _SENT, announced),
        _message(np.flatnonzero(told & (last != _SENT)), 0, last, announced + 40),
        _message(np.flatnonzero(told & (last >= _OPENED)), 0, _DELIVERED, announced + 20),
        _message(np.flatnonzero(again), 1, _SENT, reminded),
        _message(
            np.flatnonzero(again & (last != _SENT)), 1, np.where(last >= _OPENED, _DELIVERED, last), reminded + 40
        ),
    )
    who = pa.array(events.who)
    phone = pa.array(["sms", "whatsapp"]).take(
        pa.array((generator.random(block.size) < 0.2).astype(np.int8)[events.who])
    )
    failed = np.isin(events.what, [_FAILED, _BOUNCED])
    why = _WHY_NOT_SENT.take(pa.array(np.where(email[events.who], 1 + events.who % 2, 0)))
    return Rows(
        "messages",
        partner[events.who],
        events.at + HOUR,
        {
            "message_ref": _references(block, events, _MESSAGE, "M"),
            "card_number": people.card.take(who),
            "channel": pc.if_else(pa.array(email[events.who]), "email", phone),
            "status": pa.array(_STATUSES).take(pa.array(events.what)),
            "occurred_at": instants(events.at),
            "reason": pc.if_else(pa.array(failed), why, None),
        },
    )


def _last_status(classes: np.ndarray, email: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    last = np.full(len(classes), _DELIVERED)
    last[classes == _NO_RECEIPT] = _SENT
    last = np.where(classes == _UNREACHABLE, np.where(email, _BOUNCED, _FAILED), last)
    return np.where(classes == _REACHED, _OPENED + generator.choice(3, len(classes), p=[0.6, 0.25, 0.15]), last)


def _message(who: np.ndarray, nth: int, what: np.ndarray | int, at: np.ndarray) -> _Events:
    states = np.broadcast_to(what, at.shape)[who]
    return _Events(who, np.full(len(who), nth), states, at[who])


def _references(block: Block, events: _Events, factor: int, mark: str) -> pa.Array:
    numbers = scatter((block.first + events.who) * 16 + events.nth, factor) + 10**12
    return pc.binary_join_element_wise(mark, pa.array(numbers).cast(pa.string()), "")


def contacts(block: Block, people: People, first: Trainings, classes: np.ndarray) -> Rows:
    """What participants did, or tried, on the programme's site."""
    generator = block.dice(42)
    bought = np.full(block.size, NEVER)
    bought[first.person] = first.bought
    start = people.appointed + 10 * HOUR
    any_time = start + generator.integers(0, 40 * DAY, block.size)
    throw = generator.random(block.size)
    shut = np.where(throw < 0.55, _LOGIN_FAILED, _PASSWORD_RESET)
    tried = np.where(throw < 0.6, _OTP_FAILED, _PURCHASE_FAILED)
    buyers = np.flatnonzero((classes == _BUYS) & (throw < 0.6))
    at = np.maximum(people.appointed[buyers] + HOUR, bought[buyers] - generator.integers(HOUR, 5 * DAY, len(buyers)))
    events = _joined(
        _Events(buyers, np.zeros(len(buyers), dtype=np.int64), np.full(len(buyers), _LOGIN), at),
        _message(np.flatnonzero(np.isin(classes, [_TRIED, _SIGNED_IN])), 0, _LOGIN, any_time),
        _message(np.flatnonzero(classes == _TRIED), 1, tried, any_time + 300),
        _message(np.flatnonzero((classes == _TRIED) & (throw < 0.4)), 2, tried, any_time + 2 * DAY),
        _message(np.flatnonzero(classes == _LOCKED_OUT), 3, shut, any_time),
        _message(np.flatnonzero((classes == _LOCKED_OUT) & (throw < 0.3)), 4, shut, any_time + DAY),
    )
    return Rows(
        "contacts",
        np.full(len(events.who), read_figures().groups["office_partner"].start),
        events.at + HOUR,
        {
            "contact_ref": _references(block, events, _CONTACT, "C"),
            "card_number": people.card.take(pa.array(events.who)),
            "kind": pa.array(_KINDS).take(pa.array(events.what)),
            "occurred_at": instants(events.at),
            "reason": _WHY_FAILED.take(pa.array(events.what)),
        },
    )
