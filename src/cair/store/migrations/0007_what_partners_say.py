"""What partners say when they are asked for an account; a file that was refused may come again."""

from django.db import migrations, models

_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_check
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
_NUMBERS = "CREATE SEQUENCE account_check_number OWNED BY account_check.number"


class Migration(migrations.Migration):
    """Make the table of account checks; let the bytes of a file be known only once it was taken in."""

    dependencies = [
        ("store", "0006_fewer_indexes_of_money"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountCheck",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("partner", models.TextField(db_collation="C", db_comment="")),
                ("card_number", models.BigIntegerField()),
                ("account_ref_index", models.UUIDField()),
                ("account_fingerprint", models.UUIDField(db_comment="The report of the account, in `accounts`.")),
                ("external_id", models.TextField(db_collation="C", db_comment="Name of the call.")),
                ("asked_at", models.DateTimeField()),
                (
                    "is_certain",
                    models.BooleanField(db_comment="The partner gave a usable answer; else nothing is known."),
                ),
                ("code", models.TextField(db_collation="C", db_comment="")),
                ("raw_code", models.TextField(db_collation="C", db_comment="")),
                (
                    "reason",
                    models.TextField(db_collation="C", db_comment="Why it cannot be paid to, normalised.", null=True),
                ),
                (
                    "verdict",
                    models.TextField(
                        db_collation="C",
                        db_comment="ACCEPTED, LOOK (people look) or REFUSED, by the holder's name; none without an answer.",
                        null=True,
                    ),
                ),
                ("sealed", models.BinaryField(db_comment="The holder's name as told, encrypted.", null=True)),
            ],
            options={
                "db_table": "account_check",
            },
        ),
        migrations.AlterField(
            model_name="bankfile",
            name="sha256",
            field=models.TextField(db_collation="C", db_comment=""),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("refusal", "")), fields=("sha256",), name="bank_file_once"
            ),
        ),
        migrations.AddIndex(
            model_name="accountcheck",
            index=models.Index(fields=["card_number", "partner", "account_ref_index"], name="account_check_account"),
        ),
        migrations.AddConstraint(
            model_name="accountcheck",
            constraint=models.UniqueConstraint(fields=("partner", "external_id"), name="account_check_external_id"),
        ),
        migrations.AddConstraint(
            model_name="accountcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_certain", False), ("reason", None), ("verdict", None)),
                    models.Q(
                        ("is_certain", True),
                        ("verdict__in", ["ACCEPTED", "LOOK", "REFUSED"]),
                        ("verdict__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="account_check_verdict",
            ),
        ),
        migrations.RunSQL(_NUMBERS, migrations.RunSQL.noop),
        migrations.RunSQL(_APPEND_ONLY, migrations.RunSQL.noop),
    ]
