"""P9: one person's story on a warm process, the fetch from PostgreSQL included."""

import random
import time
from datetime import UTC, datetime
from pathlib import Path

from cair.journeys.explain import tell
from cair.store.configuration import Configuration
from cair.store.office import open_office
from cair.store.stories import storyteller

ASKED = 300
WARM = 12
"""Answers before the clock runs: the database prepares statements, the steady tables are made."""


def run(home: Path, people: int) -> dict[str, object]:
    """Explain people drawn at random among those appointed in a home; `people` says how many a home should have.

    Gives p50 and p99 of wall time and of this process's processor time, in milliseconds.
    """
    walls, works = [], []
    with open_office(Configuration(home, home / "keys"), announce=print) as office, storyteller(office) as teller:
        with office.database.connect() as connection:
            appointed = [row[0] for row in connection.execute("SELECT DISTINCT card_number FROM appointments")]
            last = connection.execute("SELECT max(known_at) FROM appointments").fetchone()
        as_of = last[0].astimezone(UTC) if last and last[0] else datetime(2020, 7, 1, tzinfo=UTC)
        for place, card in enumerate(random.Random(9).choices(sorted(appointed), k=ASKED + WARM)):
            wall, work = time.perf_counter(), time.thread_time()
            tell(teller, f"{card:016d}", as_of, lang="id")
            if place >= WARM:
                walls.append(1e3 * (time.perf_counter() - wall))
                works.append(1e3 * (time.thread_time() - work))
    return {
        "goal": "P9",
        "people": len(appointed),
        "people_asked_for": people,
        "explained": len(walls),
        "wall_ms_p50": _share(walls, 0.50),
        "wall_ms_p99": _share(walls, 0.99),
        "processor_ms_p50": _share(works, 0.50),
        "processor_ms_p99": _share(works, 0.99),
    }


def _share(times: list[float], share: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(share * len(times)))], 1)
