"""One person's story: the very row of the decision, what it was made from, what is missing and whose move it is.

The same rules as for everybody, run on the facts of one person; the same sentence for participant, helpdesk and auditor.
"""

from datetime import datetime
from typing import Literal

from cair.kernel.days import instant_of
from cair.kernel.reasons import Reason
from cair.kernel.states import Step
from cair.programme.reader import default_rulebook, rulebooks
from cair.programme.sentences import account_check_sentence, break_sentence, explain_sentence, remedy
from cair.store.office import Office
from cair.store.stories import Rows, Storyteller, storyteller

Language = Literal["id", "en"]


class UnableToFindPerson(Exception):
    """Nobody was appointed under this card number as of then."""


def explain_person(office: Office, card_number: str, as_of: datetime, *, lang: Language) -> dict[str, object]:
    """Tell the story of a card as of an instant.

    :raises UnableToFindPerson: no appointment is in force under this card number.
    """
    with storyteller(office) as teller:
        return tell(teller, card_number, as_of, lang=lang)


def tell(teller: Storyteller, card_number: str, as_of: datetime, *, lang: Language) -> dict[str, object]:
    """Tell the story of a card on a session that is open already.

    :raises UnableToFindPerson: no appointment is in force under this card number.
    """
    moment = instant_of(as_of)
    rows = teller.read(int(card_number), moment)
    if not rows["decision"]:
        raise UnableToFindPerson(
            "Nobody is appointed under this card number as of then. Check the 16 digits and the instant."
        )
    decision, person = rows["decision"][0], rows["person"][0]
    if decision["reason"] == Reason.DUPLICATE_PERSON and decision["detail"]:
        decision["detail"] = "*" * 12 + str(decision["detail"])[-4:]
    rulebook = person["known_rulebook"]
    return {
        "card_number": card_number,
        "as_of": rows["moment"][0]["as_of"],
        "sentence": explain_sentence(decision, lang=lang, as_of_us=moment, rulebook=_text(rulebook)),
        "decision": decision,
        "rulebook": person["rulebook"],
        "appointed_on": person["appointed_on"],
        "wave": person["wave"],
        "region_code": person["region_code"],
        "step": person["step"],
        "training": _training(rows),
        "checks": _checks(person),
        "breaks": [{**row, "sentence": break_sentence(row, lang=lang, as_of_us=moment)} for row in rows["breaks"]],
        "accounts": [_account(row, lang) for row in rows["accounts"]],
        "holds": rows["holds"],
        "purchases": rows["purchases"],
        "payments": rows["payments"],
        "reach": _reach(rows, lang),
    }


def _account(row: dict[str, object], lang: Language) -> dict[str, object]:
    """An account with what its partner said of it when it was asked, in a sentence too."""
    check = row["check"]
    if isinstance(check, dict):
        check["sentence"] = account_check_sentence(check, partner=str(row["partner"]), lang=lang)
    return row


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _checks(person: dict[str, object]) -> list[dict[str, object]]:
    """Every check in the order of the person's rulebook."""
    books = {book.name: book for book in rulebooks()}
    book = books.get(str(person["known_rulebook"]), default_rulebook())
    return [{"reason": str(reason), "passes": person[f"passes_{reason.lower()}"]} for reason in book.checks]


def _training(rows: dict[str, Rows]) -> dict[str, object] | None:
    """The sides of the first training, as the decision saw them."""
    if not rows["training"]:
        return None
    training = rows["training"][0]
    sides = []
    for side, letter in {
        "purchase": "p",
        "redemption": "r",
        "completion": "c",
        "confirmation": "k",
        "review": "v",
    }.items():
        if training[f"{letter}_known_at"] is None:
            continue
        told = {"side": side, "partner": training[f"{letter}_partner"]}
        told |= {name: training[f"{letter}_{name}"] for name in ("occurred_at", "known_at")}
        if letter in "ck":
            told["certificate_no"] = training[f"{letter}_certificate_no"]
        if letter == "v":
            told |= {"stars": training["v_stars"], "characters": training["v_text_length"]}
        sides.append(told)
    about = ("redeem_code", "course_code", "course_title", "provider", "platform")
    return {**{name: training[name] for name in about}, "sides": sides, "activities": rows["activities"]}


def _reach(rows: dict[str, Rows], lang: Language) -> dict[str, object] | None:
    """What is known about reaching somebody who has not bought, and the next step."""
    if not rows["reach"] or rows["person"][0]["step"] != Step.NOT_BOUGHT:
        return None
    reach = str(rows["reach"][0]["reach"])
    return {
        "class": reach,
        "next_step": remedy("reach", reach, lang=lang),
        "last_day": rows["person"][0]["buy_by"],
        "hold_out": rows["reach"][0]["hold_out"],
    }
