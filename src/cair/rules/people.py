"""What is known of each appointed participant, apart from the trainings: law, person, account, revocation.

Source: decisions, section 3.
"""

from ibis.expr import types as ir

from cair.programme.reader import default_rulebook
from cair.rules.checks import jakarta_day, text
from cair.rules.facts import beside, best, split


def same_people(appointments: ir.Table) -> ir.Table:
    """Give for each NIK with several appointments in force the smallest of them: once is once.

    :returns: nik, first_card, first_known (of the smallest `appointed_on`, card number), first_day.
    """
    several = appointments.group_by("nik").having(lambda t: t.count() > 1).agg()
    repeated = appointments.semi_join(several, "nik")
    first = best(repeated, per="nik", order=[repeated.appointed_on, repeated.card_number])
    return first.select("nik", first_card="card_number", first_known="known_at")


def revocations_by_card(revocations: ir.Table) -> ir.Table:
    """Give for each card the revocation that counts, the days lost, and the newest restoration known."""
    last = best(
        revocations, per="card_number", order=[revocations.occurred_at.desc(), revocations.revocation_ref.desc()]
    ).select("card_number", revocation="status", revoked_since="occurred_at")
    is_revoked, is_restored = revocations.status == text("REVOKED"), revocations.status == text("RESTORED")
    history = revocations.group_by("card_number").agg(
        first_revoked=revocations.occurred_at.min(where=is_revoked),
        last_restored=revocations.occurred_at.max(where=is_restored),
        restored_known=revocations.known_at.max(where=is_restored),
    )
    history = history.mutate(
        days_restored=jakarta_day(history.last_restored) - jakarta_day(history.first_revoked)
    ).drop("first_revoked", "last_restored")
    return beside(last, history.rename(history_card="card_number"), {"card_number": "history_card"})


def linked_accounts(accounts: ir.Table, several: ir.Table, appointments: ir.Table) -> ir.Table:
    """Give for each card the account that money would go to.

    Per account the newest look counts; unlinked ones drop out; then those that pass the three account checks come
    first, then the greatest (`checked_at`, partner), then the one taken in first. `several`: cards with several reports.
    """
    single, rows = split(accounts, "card_number", several)
    newest = best(rows, per=["card_number", "partner", "account_ref"], order=[rows.checked_at.desc()])
    single, newest = _not_unlinked(single), _against_owner(_not_unlinked(newest), appointments)
    best_of_several = best(
        newest,
        per="card_number",
        order=[newest.unfit, newest.checked_at.desc(), newest.partner.desc(), newest.taken_in],
    )
    chosen = single.union(best_of_several.drop("unfit"))
    return chosen.select(
        "card_number",
        "holder_nik",
        account_partner="partner",
        account_kyc="kyc",
        account_status="status",
        account_known="known_at",
        account_fingerprint="fingerprint",
    )


def _not_unlinked(accounts: ir.Table) -> ir.Table:
    return accounts.filter(accounts.status != text("UNLINKED"))


def _against_owner(accounts: ir.Table, appointments: ir.Table) -> ir.Table:
    """Add whether accounts are not the participant's own, or fail another account check: `unfit`."""
    owners = appointments.semi_join(accounts, "card_number").select(owner_card="card_number", owner_nik="nik")
    known = beside(accounts, owners, {"card_number": "owner_card"})
    own = (known.holder_nik == known.owner_nik).fill_null(False)
    fit = own & (known.kyc == text("full")) & (known.status == text("LINKED"))
    return known.mutate(unfit=fit.ifelse(0, 1)).drop("owner_nik")


def with_law(people: ir.Table, rulebooks: ir.Table) -> ir.Table:
    """Add the figures of the pinned rulebook; unknown ones are NULL. `ruled_by` names the one that checks run under."""
    law = rulebooks.rename(known_rulebook="rulebook")
    people = people.left_join(law, people.rulebook == law.known_rulebook)  # its key tells if it is known
    fallback = default_rulebook()
    return people.mutate(
        ruled_by=people.known_rulebook.fill_null(fallback.name),
        buying_days=people.buying_days.fill_null(fallback.buying_days),
        review_characters=people.review_characters.fill_null(fallback.review_characters),
    )


def with_deadlines(people: ir.Table, rulebooks: ir.Table) -> ir.Table:
    """Add the law of each person, and the days it gives: the last buying day, and the one that a restoration moves."""
    people = with_law(people, rulebooks)
    last_buying_day = people.appointed_on + people.buying_days - 1
    return people.mutate(last_buying_day=last_buying_day, buy_by=last_buying_day + people.days_restored.fill_null(0))


def holders(appointments: ir.Table, rulebooks: ir.Table) -> ir.Table:
    """Give what purchases are compared with: the appointment and the training balance of each card."""
    people = with_law(appointments, rulebooks)
    return people.select("appointed_on", "training_balance_idr", holder="card_number", appointed_known="known_at")


def stand(appointments: ir.Table, same: ir.Table, linked: ir.Table, revoked: ir.Table) -> ir.Table:
    """Give one row per appointment in force with all that is known of the person. Left joins only: nobody vanishes.

    `same` from `same_people`, `linked` from `linked_accounts`, `revoked` from `revocations_by_card`.
    """
    people = beside(appointments, same.rename(same_nik="nik"), {"nik": "same_nik"})
    people = beside(people, linked.rename(linked_card="card_number"), {"card_number": "linked_card"})
    people = beside(people, revoked.rename(revoked_card="card_number"), {"card_number": "revoked_card"})
    return people.select(
        "card_number",
        "region_code",
        "wave",
        "appointed_on",
        "rulebook",
        "first_card",
        "first_known",
        "revocation",
        "revoked_since",
        "restored_known",
        "days_restored",
        "account_partner",
        "account_known",
        "account_fingerprint",
        account_own=(people.holder_nik == people.nik).fill_null(False),
        account_verified=people.account_kyc == text("full"),
        account_active=people.account_status == text("LINKED"),
        appointed_known="known_at",
        appointed_fingerprint="fingerprint",
    )
