"""Runs of the reconciliation, and the decisions that changed in each. Append-only: the newest row of a person counts."""

from django.db import models

from cair.store.models.evidence import BINARY


class Run(models.Model):
    """One reconciliation: as of when, up to which report, under which law, and what came out."""

    number = models.BigIntegerField(primary_key=True)
    as_of = models.DateTimeField()
    taken_in = models.BigIntegerField(db_comment="The newest report that was looked at.")
    is_full = models.BooleanField()
    rulebooks = models.TextField(db_collation=BINARY, db_comment="Version of the law and the calendar.")
    program = models.TextField(db_collation=BINARY, db_comment="Version of the program.")
    people = models.BigIntegerField(db_comment="Participants decided in this run.")
    changed = models.BigIntegerField(db_comment="Decisions that differ from the newest stored.")

    class Meta:
        """Append-only."""

        db_table = "run"


class Decision(models.Model):
    """One decision as it stood from a run on, with the hash of the facts it was made from."""

    pk = models.CompositePrimaryKey("card_number", "benefit", "run_number")
    card_number = models.BigIntegerField()
    benefit = models.TextField(db_collation=BINARY)
    run_number = models.BigIntegerField()
    state = models.TextField(db_collation=BINARY)
    reason = models.TextField(db_collation=BINARY, null=True)
    detail = models.TextField(db_collation=BINARY, null=True)
    whose_move = models.TextField(db_collation=BINARY)
    partner = models.TextField(db_collation=BINARY, null=True)
    since = models.DateTimeField(null=True)
    due_on = models.DateField(null=True)
    amount_idr = models.BigIntegerField()
    redeem_code = models.TextField(db_collation=BINARY, null=True)
    failing = models.BigIntegerField(db_comment="Checks that fail, a bit each in the order of the reasons.")
    facts = models.UUIDField(db_comment="Hash of the reports the decision was made from.")

    class Meta:
        """Append-only; money is due only when nothing fails."""

        db_table = "decision"
        indexes = [models.Index(fields=["run_number"], name="decision_run")]
        constraints = [
            models.CheckConstraint(
                name="decision_money_only_when_due",
                condition=models.Q(amount_idr=0) | ~models.Q(state__in=["WAITING", "CLOSED"]),
            ),
            models.CheckConstraint(
                name="decision_waits_for_a_reason",
                condition=models.Q(reason__isnull=False) | ~models.Q(state__in=["WAITING", "CLOSED"]),
            ),
        ]


class Awaited(models.Model):
    """A report that was received but speaks of a later time: whom it concerns is decided again when that has come."""

    pk = models.CompositePrimaryKey("feed", "taken_in")
    feed = models.TextField(db_collation=BINARY)
    taken_in = models.BigIntegerField()
    known_at = models.DateTimeField(db_index=True)
    run_number = models.BigIntegerField(db_comment="The run that found it.")

    class Meta:
        """Append-only."""

        db_table = "awaited"
