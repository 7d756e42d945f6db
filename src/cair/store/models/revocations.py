"""Revocations: who was to be revoked, as a frozen list, who else approved exactly that list, and when it was carried out.

The decrees themselves are reports of `revocations`, as any other fact.
"""

from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from cair.store.models.evidence import BINARY


class RevocationPlan(models.Model):
    """A dry run whose list was kept."""

    number = models.BigIntegerField(primary_key=True)
    as_of = models.DateTimeField()
    planned_at = models.DateTimeField()
    planned_by = models.TextField(db_collation=BINARY)
    people = models.BigIntegerField()
    list_hash = models.BinaryField(db_comment="SHA-256 of what it was planned with and of everybody on it.")

    class Meta:
        """Append-only."""

        db_table = "revocation_plan"
        constraints = [CheckConstraint(name="revocation_plan_people", condition=Q(people__gt=0))]


class RevocationItem(models.Model):
    """Somebody on the list, with the proof that he was reached out to."""

    pk = models.CompositePrimaryKey("plan", "position")
    plan = models.BigIntegerField()
    position = models.BigIntegerField(db_comment="From 1, by card number.")
    card_number = models.BigIntegerField()
    reach = models.TextField(db_collation=BINARY)
    last_day = models.DateField(db_comment="Last buying day, days restored counted.")
    proof = models.TextField(db_collation=BINARY)

    class Meta:
        """Append-only."""

        db_table = "revocation_item"
        constraints = [UniqueConstraint(name="revocation_item_once", fields=["plan", "card_number"])]


class RevocationApproval(models.Model):
    """A second person's approval, bound to the list by its hash."""

    plan = models.BigIntegerField(primary_key=True)
    list_hash = models.BinaryField()
    planned_by = models.TextField(db_collation=BINARY)
    approved_by = models.TextField(db_collation=BINARY)
    role = models.TextField(db_collation=BINARY)
    approved_at = models.DateTimeField()

    class Meta:
        """Append-only."""

        db_table = "revocation_approval"
        constraints = [
            CheckConstraint(name="revocation_approval_other", condition=~Q(approved_by=F("planned_by"))),
        ]


class RevocationRun(models.Model):
    """The instant that the decrees of an approved list carry; written before the first of them."""

    plan = models.BigIntegerField(primary_key=True)
    begun_at = models.DateTimeField()
    begun_by = models.TextField(db_collation=BINARY)

    class Meta:
        """Append-only."""

        db_table = "revocation_run"


REVOCATIONS: tuple[type[models.Model], ...] = (RevocationPlan, RevocationItem, RevocationApproval, RevocationRun)
