"""Indexes that nothing needs, or that another one makes needless, go: every payment wrote them.

An event that settles a pending transfer was unique twice, since that transfer is settled once. The first line of an order
in a file was unique three times over: by its order, and by a name that is made of it.
"""

from django.db import migrations, models

_CHECK = """
CREATE OR REPLACE FUNCTION check_sendings() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE 'SELECT FROM payment_order AS held WHERE (held.order_ref, held.attempt) IN '
            '(SELECT order_ref, attempt FROM added) ORDER BY {order} FOR SHARE';
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN claim ON (claim.order_ref, claim.attempt, claim.epoch) = (added.order_ref, added.attempt, added.epoch)
        LEFT JOIN claim AS newer
          ON (newer.order_ref, newer.attempt) = (added.order_ref, added.attempt) AND newer.epoch > added.epoch
        WHERE (claim.epoch IS NULL AND NOT (added.epoch = 0 AND added.file_ref <> '')) OR newer.epoch IS NOT NULL
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('another worker has taken the order over', 'sending_by_newest_claim');
    END IF;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added JOIN payment_outcome AS ended
          ON (ended.order_ref, ended.attempt) = (added.order_ref, added.attempt)
        WHERE added.kind = 'SEND'
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('what has ended is not sent', 'sending_before_the_end');
    END IF;
    {named}
    RETURN NULL;
END
$$;
"""
_NAMED = """
    IF EXISTS (SELECT FROM added WHERE epoch = 0 AND external_id <> order_ref || '-' || attempt || '-0') THEN
        PERFORM refuse_money('the first line in a file is named after its order', 'sending_external_id');
    END IF;
"""


class Migration(migrations.Migration):
    """Fewer indexes; orders are locked in the order in which claims lock them."""

    dependencies = [
        ("store", "0005_money_by_statement"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="sending", name="sending_external_id"),
        migrations.RemoveConstraint(model_name="sending", name="sending_one_first_file"),
        migrations.RemoveIndex(model_name="bankline", name="bank_line_ref"),
        migrations.RemoveIndex(model_name="sending", name="sending_order"),
        migrations.AlterField(
            model_name="transfer",
            name="event",
            field=models.TextField(db_collation="C", db_comment="Name of the event: booked once."),
        ),
        migrations.AddIndex(
            model_name="sending",
            index=models.Index(
                condition=models.Q(("file_ref", ""), _negated=True), fields=["file_ref"], name="sending_file"
            ),
        ),
        migrations.AddConstraint(
            model_name="sending",
            constraint=models.UniqueConstraint(
                condition=models.Q(("epoch__gt", 0)), fields=("rail", "external_id"), name="sending_external_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="sending",
            constraint=models.UniqueConstraint(
                models.F("order_ref"),
                models.F("attempt"),
                models.Case(
                    models.When(epoch=0, then=models.Value(0)),
                    default=models.F("number"),
                    output_field=models.BigIntegerField(),
                ),
                name="sending_one_first_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("settles__isnull", True)), fields=("event",), name="transfer_event_once"
            ),
        ),
        migrations.RunSQL(
            _CHECK.format(order="held.transfer", named=_NAMED.strip()),
            _CHECK.format(order="held.order_ref, held.attempt", named=""),
        ),
    ]
