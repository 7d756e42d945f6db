"""Balances, lines and verdicts are looked at once a statement instead of once a row; the laws stay what they are.

They are in `0005_money_by_statement.sql`.
"""

from pathlib import Path

from django.db import migrations, models

_LAWS = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_BEFORE = """
DROP FUNCTION check_lines() CASCADE;
DROP FUNCTION check_verdicts() CASCADE;
DROP FUNCTION note_booking() CASCADE;
DROP FUNCTION check_balance() CASCADE;
CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    found record;
BEGIN
    SELECT count(*) AS legs, coalesce(sum(amount_idr), 0) AS rest,
           coalesce(sum(amount_idr) FILTER (WHERE amount_idr > 0), 0) AS debits
    INTO found FROM leg WHERE transfer = NEW.number;
    IF found.rest <> 0 OR found.legs <> NEW.legs OR found.debits <> NEW.amount_idr THEN
        PERFORM refuse_money(format('transfer %s does not balance', NEW.number), 'transfer_balances');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER check_balance AFTER INSERT ON transfer DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.settles IS NULL) EXECUTE FUNCTION check_balance();
ALTER TABLE payment_outcome ADD CONSTRAINT payment_outcome_of_order
    FOREIGN KEY (order_ref, attempt) REFERENCES payment_order (order_ref, attempt);
ALTER TABLE bank_line ADD CONSTRAINT bank_line_of_file FOREIGN KEY (file_number) REFERENCES bank_file (number);
ALTER TABLE line_verdict ADD CONSTRAINT line_verdict_of_line
    FOREIGN KEY (file_number, line) REFERENCES bank_line (file_number, line);
ALTER TABLE line_verdict ADD CONSTRAINT line_verdict_of_order
    FOREIGN KEY (order_ref, attempt) REFERENCES payment_order (order_ref, attempt);
"""
_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON booking
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    """Make the table of bookings, then put the checks of a statement in the place of those of a row."""

    dependencies = [
        ("store", "0004_those_who_do_not_buy"),
    ]

    operations = [
        migrations.CreateModel(
            name="Booking",
            fields=[
                ("first", models.BigIntegerField(primary_key=True, serialize=False)),
                ("last", models.BigIntegerField()),
            ],
            options={
                "db_table": "booking",
            },
        ),
        migrations.RunSQL(_LAWS, _BEFORE),
        migrations.RunSQL(_APPEND_ONLY, migrations.RunSQL.noop),
    ]
