"""Evidence, files, rejects, runs and decisions are only ever added to: the database refuses anything else."""

from typing import ClassVar

from django.db import migrations

from cair.rules.tables import FEEDS

GUARDED = (*FEEDS, "intake_file", "reject", "run", "decision", "awaited", "unmasking")
_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END
$$;
"""
_TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    """Add the guard to every such table."""

    dependencies: ClassVar = [("store", "0001_evidence")]
    operations: ClassVar = [
        migrations.RunSQL(_FUNCTION, "DROP FUNCTION refuse_change() CASCADE"),
        *(migrations.RunSQL(_TRIGGER.format(table=table), migrations.RunSQL.noop) for table in GUARDED),
    ]
