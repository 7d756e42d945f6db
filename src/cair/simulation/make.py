"""Make the partners' files of a scenario, and the plan by which they arrive."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from cair.simulation import accounts, catalogue, evidence, office, outreach, population
from cair.simulation.faults import Spoiler, faulty_files
from cair.simulation.files import Outbox, Rows
from cair.simulation.population import Block
from cair.simulation.scenario import Arrivals, Scenario, UnableToSimulate
from cair.simulation.trainings import first_trainings, joined, second_trainings

PLAN = "plan.json"
FILES = "files"
_BLOCK = 100_000
Progress = Callable[[str, int, int], None]


def write_files(scenario: Scenario, folder: Path, *, progress: Progress) -> Path:
    """Write what partners sent until the end of the scenario below `folder`; gives the path of the plan.

    The plan names the files of each intake, in order, with the instant of their receipt, and instants to ask about.
    Files are grown block by block, so memory does not depend on the number of people. Same scenario, same bytes.

    :raises UnableToSimulate: the folder holds something already or cannot be written.
    """
    files = _empty_folder(folder)
    arrivals = Arrivals(scenario.until)
    outbox = Outbox(files, arrivals, Spoiler(scenario))
    courses = catalogue.make_catalogue(scenario)
    outbox.put(catalogue.course_rows(courses))
    outbox.put(office.holds(scenario))
    progress("people", 0, scenario.people)
    for number, first in enumerate(range(0, scenario.people, _BLOCK)):
        block = Block(scenario, number, first, min(_BLOCK, scenario.people - first))
        for rows in _reports(block, courses):
            outbox.put(rows)
        progress("people", first + block.size, scenario.people)
    names = outbox.close()
    names += faulty_files(scenario, files, names)
    plan = folder / PLAN
    plan.write_text(json.dumps(_plan(arrivals, names), indent=1) + "\n", encoding="utf-8")
    return plan


def _empty_folder(folder: Path) -> Path:
    files = folder / FILES
    try:
        files.mkdir(parents=True, exist_ok=True)
        if any(files.iterdir()):
            raise UnableToSimulate(f"{files} is not empty: choose another folder, or empty this one")
    except OSError as trouble:
        raise UnableToSimulate(f"{files} cannot be used: {trouble.strerror}; choose another folder") from trouble
    return files


def _reports(block: Block, courses: catalogue.Catalogue) -> Iterator[Rows]:
    """All reports of the people of a block, feed by feed."""
    people = population.make_people(block)
    yield population.appointments(block, people)
    first = first_trainings(block, people, courses)
    case = evidence.make_case(block, people, courses, joined(first, second_trainings(block, courses, first)))
    yield evidence.purchases(case)
    yield from evidence.voided_purchases(case)
    yield evidence.redemptions(case)
    yield evidence.activities(case)
    yield evidence.completions(case)
    yield from evidence.confirmations(case)
    yield from evidence.reviews(case)
    yield accounts.accounts(block, people, first)
    yield office.surveys(block, people, first)
    classes = outreach.reach_classes(block, first)
    yield outreach.messages(block, people, classes)
    yield outreach.contacts(block, people, first, classes)
    yield office.registry(block, people)
    yield office.revocations(block, people, first)
    yield office.resolutions(case)


def _plan(arrivals: Arrivals, names: list[tuple[int, str]]) -> dict[str, list[object]]:
    intakes = sorted({step for step, _ in names})
    return {
        "steps": [
            {
                "received_at": arrivals.received_at(step),
                "files": [f"{FILES}/{name}" for at, name in sorted(names) if at == step],
            }
            for step in intakes
        ],
        "as_ofs": list(arrivals.published()),
    }
