"""Files as they came in, and the lines of them that could not be read."""

from django.db import models

from cair.kernel.reasons import Outcome
from cair.store.models.evidence import BINARY


class IntakeFile(models.Model):
    """One file taken in or refused: its hash, its partner, its time, and what became of its lines."""

    number = models.BigIntegerField(primary_key=True, db_comment="Files in the order they were taken in, from 1.")
    name = models.TextField(db_collation=BINARY)
    feed = models.TextField(db_collation=BINARY, blank=True)
    partner = models.TextField(db_collation=BINARY, blank=True)
    sha256 = models.TextField(
        db_collation=BINARY, db_comment="SHA-256 of the bytes as received, in hex; empty if none."
    )
    size_bytes = models.BigIntegerField()
    received_at = models.DateTimeField()
    refusal = models.TextField(db_collation=BINARY, blank=True, db_comment="Why it was refused whole; empty: taken in.")
    lines = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    superseding = models.BigIntegerField(default=0)
    outdated = models.BigIntegerField(default=0)
    conflict = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)

    class Meta:
        """Every line has exactly one outcome: the database holds it too."""

        db_table = "intake_file"
        db_table_comment = "Every file that ever came in."
        indexes = [models.Index(fields=["sha256", "name"], name="intake_file_content")]
        constraints = [
            models.CheckConstraint(
                name="intake_file_adds_up",
                condition=models.Q(lines=sum((models.F(outcome) for outcome in Outcome), start=models.Value(0))),
            ),
        ]


class Reject(models.Model):
    """One line that could not be read: where, why, and the line itself, masked and encrypted."""

    pk = models.CompositePrimaryKey("file_number", "line")
    file_number = models.BigIntegerField()
    line = models.BigIntegerField(db_comment="Number of the record, the header not counted.")
    code = models.TextField(db_collation=BINARY)
    column = models.TextField(db_collation=BINARY, blank=True)
    masked = models.TextField(db_collation=BINARY, db_comment="Each digit as 9, each letter as x.")
    sealed = models.BinaryField(db_comment="The line as received, encrypted.")

    class Meta:
        """Append-only."""

        db_table = "reject"
        db_table_comment = "Lines that could not be read."


class Unmasking(models.Model):
    """That somebody had personal values shown in the clear."""

    number = models.BigAutoField(primary_key=True)
    seen_at = models.DateTimeField(db_comment="When.")
    what = models.TextField(db_collation=BINARY, db_comment="Which rows.")

    class Meta:
        """Append-only."""

        db_table = "unmasking"
