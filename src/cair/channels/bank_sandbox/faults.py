"""Faults on demand: what goes wrong, for whom, how often. Drawn from a seed and the call's name, so they come again."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong with a call."""

    DROP_BEFORE = "drop_before"
    """The connection ends, nothing was booked."""
    DROP_AFTER = "drop_after"
    """It was booked, the connection ends without an answer."""
    DELAY_BEFORE = "delay_before"
    DELAY_AFTER = "delay_after"
    ERROR_BEFORE = "error_before"
    """500, nothing was booked."""
    ERROR_AFTER = "error_after"
    """500, it was booked."""
    IN_PROGRESS = "in_progress"
    """202; decided after `seconds`, as booked, or as failed with `outcome = "failed"`."""
    DUPLICATE_NOTICE = "duplicate_notice"
    """The notice comes twice."""
    LATE = "late"
    """The connection ends at once; the request arrives, and is booked, `seconds` later."""
    GARBLED = "garbled"
    """It was booked; the answer cannot be read."""
    TOO_MANY = "too_many"
    """429, nothing was booked."""
    TOKEN_REFUSED = "token_refused"  # noqa: S105
    """401, as if the token had run out."""
    NOT_FOUND = "not_found"
    """An inquiry finds nothing, whatever is in the books."""
    DIE_BEFORE = "die_before"
    """The server is killed (SIGKILL), nothing was booked."""
    DIE_AFTER = "die_after"
    """It was booked, then the server is killed before it can answer."""


class UnableToSetFault(ValueError):
    """A fault was described in words that are not known."""


@dataclass(slots=True, kw_only=True)
class Switch:
    """A fault that is on. `share` of the calls it fits are hit, `times` of them at most (None: always)."""

    fault: Fault
    partner: str = "*"
    service: str = "*"
    reference: str = "*"
    share: float = 1.0
    times: int | None = None
    seconds: float = 0.0
    outcome: str = "booked"
    hits: int = 0

    def fits(self, partner: str, service: str, reference: str) -> bool:
        """Whether a call is one of those it is meant for."""
        named = ((self.partner, partner), (self.service, service), (self.reference, reference))
        return all(wanted in ("*", given) for wanted, given in named)


@dataclass(slots=True)
class Switches:
    """All faults that are on."""

    seed: int = 0
    on: list[Switch] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, table: Mapping[str, object]) -> None:
        """Switch a fault on, by the fields of `Switch`.

        :raises UnableToSetFault: a name or a value is not known.
        """
        try:
            settings = dict(table)
            switch = Switch(fault=Fault(str(settings.pop("fault"))), **settings)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            known = ", ".join(Fault)
            raise UnableToSetFault(f"a fault needs `fault` (one of {known}) and the fields of a switch") from None
        with self._guard:
            self.on.append(switch)

    def clear(self) -> None:
        """Switch all off."""
        with self._guard:
            self.on.clear()

    def strike(self, partner: str, service: str, reference: str, call: str) -> dict[Fault, Switch]:
        """The faults that hit this call. `call` is its external id: it and the seed draw the lot."""
        struck: dict[Fault, Switch] = {}
        with self._guard:
            for place, switch in enumerate(self.on):
                spent = switch.times is not None and switch.hits >= switch.times
                if spent or switch.fault in struck or not switch.fits(partner, service, reference):
                    continue
                if self._drawn(place, call) < switch.share:
                    switch.hits += 1
                    struck[switch.fault] = switch
        return struck

    def _drawn(self, place: int, call: str) -> float:
        lot = hashlib.sha256(f"{self.seed}/{place}/{call}".encode()).digest()
        return int.from_bytes(lot[:6], "big") / 2.0**48
