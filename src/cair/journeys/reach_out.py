"""Reaching those who have not bought: whom next and how, messages begun before they are sent, fates taken in as facts."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.messages.messenger import Fate, Message, Messenger
from cair.journeys.take_evidence import take_files
from cair.kernel.days import instant_of, instant_text, jakarta_day
from cair.kernel.identity import Secret
from cair.programme.sentences import Language, outreach_text, remedy
from cair.rules.outreach import BY_PHONE, DAYS_APART, HELD_OUT, CallList, countdown, next_channels, too_soon
from cair.store.locks import alone
from cair.store.office import Office
from cair.store.outbox import write_office_file, written_instant
from cair.store.queries.addresses import known_addresses, open_addresses
from cair.store.queries.campaigns import Begun, Campaign, begun, begun_at, in_doubt, read_campaigns, recently_begun
from cair.store.queries.revocable import revocable
from cair.store.records import campaigns as records
from cair.store.records.staff import Actor

Announce = Callable[[str, int, int], None]
AT_A_TIME = 200
"""Messages begun together on a way out that cannot be repeated: so many at most are in doubt after a kill."""
SUBJECT = "Prakerja"


def plan_campaign(
    office: Office, as_of: datetime, *, by: Actor, lang: Language, now: datetime, announce: Announce
) -> dict[str, object]:
    """Say for everybody who has not bought what the next step is, by when, and on which channel; keep it as a campaign.

    Whoever got a message within seven days is left in peace; 5%, by hash of the card number, are left out for comparison.

    :raises cair.store.records.campaigns.UnableToReachOut: the actor may not.
    """
    records.check_campaigner(by)
    moment = instant_of(as_of)
    people = revocable(office, moment, announce=announce)
    with office.database.connect() as connection:
        recent = recently_begun(connection, as_of - timedelta(days=DAYS_APART))
        left_alone = too_soon(people, moment) | pc.is_in(people["card_number"], recent).to_numpy()
        chosen = people.filter(pa.array(~left_alone))
        phones, emails = known_addresses(connection, chosen["card_number"])
        channels = next_channels(chosen, has_phone=phones, has_email=emails)
        chosen = chosen.append_column("channel", channels)
        document = {
            "as_of": instant_text(moment),
            "not_bought": people.num_rows,
            "within_7_days": int(np.sum(left_alone)),
            "classes": _by_class(chosen, today=jakarta_day(moment), lang=lang),
        }
        if not chosen.num_rows:
            return {"campaign": None, **document}
        planned = records.add_campaign(connection, chosen, as_of=as_of, by=by, now=now)
    return {
        "campaign": planned.number,
        "addressed": planned.people - planned.held_out,
        "held_out": planned.held_out,
    } | document


def _by_class(chosen: pa.Table, *, today: int, lang: Language) -> list[dict[str, object]]:
    """Give for each class its people, the held out, the next step, the channels, and how near the last day is."""
    counted: dict[str, Counter[tuple[str, str]]] = {}
    for reach, channel, last_day in zip(
        *(chosen[name].to_pylist() for name in ("reach", "channel", "last_day")), strict=True
    ):
        counted.setdefault(reach, Counter())[channel, countdown(last_day, today)] += 1
    rows: list[dict[str, object]] = []
    for reach, found in sorted(counted.items()):
        channels, days = Counter[str](), Counter[str]()
        for (channel, near), count in found.items():
            channels[channel] += count
            days[near] += count
        held_out = channels.pop(HELD_OUT, 0)
        rows.append(
            {
                "class": reach,
                "people": found.total(),
                "held_out": held_out,
                "next_step": remedy("reach", reach, lang=lang),
                "channels": dict(sorted(channels.items())),
                "last_day": dict(sorted(days.items())),
            }
        )
    return rows


def send_campaign(
    office: Office,
    number: int,
    messenger: Messenger,
    *,
    by: Actor,
    lang: Language,
    clock: Callable[[], datetime],
    announce: Announce,
) -> dict[str, object]:
    """Send what a messenger carries of a campaign, or go on where it was stopped.

    Whoever has bought since, or got a message within seven days, gets none. A message is on record as begun before it
    leaves the house. What the messenger knows of it at once is taken in as a report of `messages`.

    :param clock: receipts are dated when they come; a long campaign sees others' come in between.
    :raises cair.store.records.campaigns.UnableToReachOut: the actor may not, or there is no such campaign.
    :raises cair.channels.messages.messenger.UnableToSendMessages: the channel cannot be used.
    """
    records.check_campaigner(by)
    now = clock()
    with alone(office.database, "outreach"):
        people = revocable(office, instant_of(now), announce=announce)
        allowed = people["card_number"].filter(pa.array(~too_soon(people, instant_of(now))))
        with office.database.connect() as connection:
            campaign = records.known_campaign(connection, number)
            records.allow(connection, allowed)
            sending = _Sending(office, connection, campaign, messenger, lang, clock)
            new = sending.all_again() if messenger.is_repeatable else sending.one_batch_after_the_other(announce)
            records.note_sending(connection, number, via=messenger.via, begun=new, by=by, now=clock())
            doubt = 0 if messenger.is_repeatable else in_doubt(connection, number, messenger.via)
    return {"campaign": number, "via": messenger.via, "begun": new, "fates": dict(sending.fates), "in_doubt": doubt}


@dataclass
class _Sending:
    """One campaign on one way out."""

    office: Office
    connection: Any
    campaign: Campaign
    messenger: Messenger
    lang: Language
    clock: Callable[[], datetime]

    def __post_init__(self) -> None:
        self.fates: Counter[str] = Counter()
        self.channels = sorted(self.messenger.carries)

    def all_again(self) -> int:
        """Begin whatever can be begun, and hand over everything begun so far; say how many are new."""
        new = len(self._begin(records.ALL))
        self._take_in(list(self.messenger.send(self._messages())), {})
        self.connection.commit()
        return new

    def one_batch_after_the_other(self, announce: Announce) -> int:
        """Begin some, send them, take in what became of them, and so on; nothing that was begun before is sent again."""
        new = 0
        while positions := self._begin(AT_A_TIME):
            batch = begun_at(self.connection, self.campaign.number, positions)
            fates: list[Fate] = []
            try:
                for fate in self.messenger.send(self._composed(batch)):
                    fates.append(fate)  # noqa: PERF402 - those before an error are kept
            finally:
                self.connection.commit()
                self._take_in(fates, {each.message_ref: each for each in batch})
            new += len(batch)
            announce("outreach", new, self.campaign.people)
        return new

    def _begin(self, most: int) -> list[int]:
        found = records.begin_sendings(
            self.connection,
            self.campaign,
            via=self.messenger.via,
            channels=self.channels,
            now=self.clock(),
            most=most,
        )
        self.connection.commit()
        return found

    def _messages(self) -> Iterator[Message]:
        for part in begun(self.connection, self.campaign.number, self.messenger.via, self.channels):
            yield from self._composed(part)

    def _composed(self, part: list[Begun]) -> Iterator[Message]:
        """Open the addresses of some, and write to them. The text speaks of the day on which it was begun.

        Whoever has no address any more is passed over: that is no attempt that failed. A call list names them anyway.
        """
        opened = open_addresses(self.connection, self.office.vault, [each.card_number for each in part])
        for each in part:
            person = opened[each.card_number]
            calls = each.channel in list(CallList)
            to = person.phone if calls or each.channel in BY_PHONE else person.email
            if to is None and not calls:
                continue
            today = jakarta_day(instant_of(each.begun_at))
            yield Message(
                message_ref=each.message_ref,
                channel=each.channel,
                to=to or Secret("phone", ""),
                name=person.name if calls else None,
                subject=SUBJECT,
                text=remedy("reach", each.reach, lang=self.lang)
                if calls
                else outreach_text(each.reach, last_day=each.last_day, today=today, lang=self.lang),
            )

    def _take_in(self, fates: list[Fate], about: dict[str, Begun]) -> None:
        """Take fates in by the door, as reports of the way out."""
        if not fates:
            return
        now = self.clock()
        self.fates.update(fate.status for fate in fates)
        rows: list[dict[str, object]] = [
            {
                "message_ref": fate.message_ref,
                "card_number": f"{about[fate.message_ref].card_number:016d}",
                "channel": about[fate.message_ref].channel,
                "status": fate.status,
                "occurred_at": written_instant(now),
                "reason": fate.reason,
            }
            for fate in fates
        ]
        path = write_office_file(self.office.home, "messages", rows, now=now, partner=self.messenger.via)
        try:
            take_files(self.office, [path], received_at=now, now=now, progress=lambda *_: None)
        finally:
            path.unlink(missing_ok=True)


def list_campaigns(office: Office) -> list[dict[str, object]]:
    """Give all campaigns, the newest first."""
    with office.database.connect() as connection:
        return [
            {
                "campaign": each.number,
                "as_of": instant_text(instant_of(each.as_of)),
                "planned_by": each.planned_by,
                "addressed": each.people - each.held_out,
                "held_out": each.held_out,
                "begun": each.begun,
            }
            for each in read_campaigns(connection)
        ]
