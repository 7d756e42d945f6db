"""Campaigns to those who have not bought: whom they address, whom they leave out for comparison, what was sent."""

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from cair.store.models.evidence import BINARY


class Campaign(models.Model):
    """One campaign as it was planned."""

    number = models.BigIntegerField(primary_key=True)
    mark = models.TextField(db_collation=BINARY, db_comment="Part of its messages' references, drawn at random.")
    as_of = models.DateTimeField()
    planned_at = models.DateTimeField()
    planned_by = models.TextField(db_collation=BINARY)
    people = models.BigIntegerField(db_comment="Addressed or held out.")
    held_out = models.BigIntegerField()

    class Meta:
        """Append-only."""

        db_table = "campaign"


class CampaignItem(models.Model):
    """Somebody a campaign addresses, or leaves out so that its effect can be measured."""

    pk = models.CompositePrimaryKey("campaign", "position")
    campaign = models.BigIntegerField()
    position = models.BigIntegerField()
    card_number = models.BigIntegerField()
    reach = models.TextField(db_collation=BINARY, db_comment="Class when it was planned.")
    last_day = models.DateField()
    channel = models.TextField(db_collation=BINARY, db_comment="A channel, a call list, or empty: held out.")

    class Meta:
        """Append-only."""

        db_table = "campaign_item"
        constraints = [UniqueConstraint(name="campaign_item_once", fields=["campaign", "card_number"])]


class CampaignSending(models.Model):
    """A message whose sending has begun; written before anything leaves the house."""

    message_ref = models.TextField(primary_key=True, db_collation=BINARY)
    campaign = models.BigIntegerField()
    position = models.BigIntegerField()
    card_number = models.BigIntegerField()
    channel = models.TextField(db_collation=BINARY)
    via = models.TextField(db_collation=BINARY, db_comment="files or smtp.")
    begun_at = models.DateTimeField()

    class Meta:
        """Append-only."""

        db_table = "campaign_sending"
        indexes = [models.Index(fields=["card_number", "begun_at"], name="campaign_sending_card")]
        constraints = [
            UniqueConstraint(name="campaign_sending_once", fields=["campaign", "position"]),
            CheckConstraint(name="campaign_sending_via", condition=Q(via__in=["files", "smtp"])),
        ]


CAMPAIGNS: tuple[type[models.Model], ...] = (Campaign, CampaignItem, CampaignSending)
