"""What tells that the keys outside the database are those its personal values were sealed with."""

from django.db import models


class KeyCheck(models.Model):
    """A fingerprint of the keys; the keys themselves are never in the database."""

    number = models.SmallIntegerField(primary_key=True)
    fingerprint = models.BinaryField()

    class Meta:
        """One row."""

        db_table = "key_check"
        constraints = [models.CheckConstraint(name="key_check_one_row", condition=models.Q(number=1))]
