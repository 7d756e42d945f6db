"""One append-only table per feed, made from the data dictionary: every report that was not a duplicate or a reject.

Personal values are not here in the clear: `sealed` holds them encrypted, `<column>_index` their blind index.
"""

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from cair.rules.tables import FEEDS, Column, Feed, Kind
from cair.store.naming import stored_name

BINARY = "C"
"""Texts compare by code point (decisions, section 1): UTF-8 bytes order as code points do."""


def _field(column: Column) -> "models.Field[Any, Any]":
    about = {"db_comment": column.meaning, "null": column.optional}
    if column.secret:
        return models.UUIDField(**about)
    match column.kind:
        case Kind.CARD | Kind.WHOLE:
            return models.BigIntegerField(**about)
        case Kind.DECIMAL:
            return models.BigIntegerField(**{**about, "db_comment": f"{column.meaning} Whole ten-thousandths."})
        case Kind.INSTANT:
            return models.DateTimeField(**about)
        case Kind.DAY:
            return models.DateField(**about)
        case _:
            return models.TextField(db_collation=BINARY, **about)


def _common() -> dict[str, "models.Field[Any, Any]"]:
    return {
        "partner": models.TextField(db_collation=BINARY, db_comment="Who sent it."),
        "revision": models.BigIntegerField(db_comment="Number of the correction."),
        "known_at": models.DateTimeField(db_comment="Later of the receipt and what the partner says."),
        "taken_in": models.BigIntegerField(db_comment="File number x 2^32 + line: the order of intake."),
        "outcome": models.TextField(db_collation=BINARY, db_comment="What became of the line."),
        "key": models.UUIDField(db_comment="Hash of partner and key columns."),
        "fingerprint": models.UUIDField(db_comment="Hash of key, revision and content."),
        "sealed": models.BinaryField(null=True, db_comment="Personal values, encrypted (AES-256-GCM)."),
    }


def _model(feed: Feed) -> type[models.Model]:
    anchor = stored_name(feed.column(feed.anchor))
    ties = [stored_name(feed.column(tie)) for tie in feed.ties]
    fields = {stored_name(column): _field(column) for column in feed.columns}
    meta = type(
        "Meta",
        (),
        {
            "app_label": "store",
            "db_table": feed.name,
            "db_table_comment": feed.meaning,
            "indexes": [
                *(models.Index(fields=[tie], name=f"{feed.name}_{tie}"[:30]) for tie in ties),
                BrinIndex(fields=["taken_in"], name=f"{feed.name}_taken_in"[:30], pages_per_range=32),
            ],
        },
    )
    content = {
        **fields,
        **_common(),
        "pk": models.CompositePrimaryKey(anchor, "fingerprint"),
        "Meta": meta,
        "__module__": __name__,
        "__doc__": feed.meaning,
    }
    return type(f"{feed.name.capitalize()}Report", (models.Model,), content)


REPORTS: dict[str, type[models.Model]] = {feed.name: _model(feed) for feed in FEEDS.values()}
"""The table of each feed."""
globals().update({model.__name__: model for model in REPORTS.values()})
