"""The app's own tables.

The models are unmanaged, so that the flush of a TransactionTestCase leaves the tables alone; the
database half of each operation creates them all the same. There is no way back: the history is
not for dropping.
"""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def _create(
    name: str, fields: list[tuple[str, Any]], **options: Any
) -> migrations.operations.base.Operation:
    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.CreateModel(name, fields, options)],
        state_operations=[migrations.CreateModel(name, fields, {**options, "managed": False})],
    )


def _exact_text(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """MySQL: hold any character, and tell apart ids that differ by case."""
    if schema_editor.connection.vendor != "mysql":
        return
    for name in ("AppliedMigration", "AuditEntry", "EnvironmentStamp", "JournalEntry"):
        table = schema_editor.quote_name(apps.get_model("migration_guard", name)._meta.db_table)
        schema_editor.execute(
            f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        )


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        _create(
            "AppliedMigration",
            [
                ("id", models.CharField("id", max_length=200, primary_key=True, serialize=False)),
                ("number", models.CharField("number", max_length=40)),
                ("checksum", models.CharField("checksum", max_length=64, null=True)),
                ("fingerprint", models.CharField("fingerprint", max_length=64, null=True)),
                ("sql", models.TextField("SQL", null=True)),
                (
                    "how",
                    models.CharField(
                        "how it came in",
                        choices=[
                            ("run", "run"),
                            ("fake", "fake"),
                            ("baseline", "baseline"),
                            ("adopted", "adopted"),
                        ],
                        max_length=10,
                    ),
                ),
                ("applied_at", models.DateTimeField("applied at")),
                ("duration_ms", models.BigIntegerField("duration (ms)", null=True)),
                ("database_user", models.CharField("database user", max_length=200)),
                ("environment", models.CharField("environment", max_length=50)),
            ],
            db_table="applied_migrations",
            ordering=("number", "id"),
            verbose_name="applied migration",
            verbose_name_plural="applied migrations",
        ),
        _create(
            "AuditEntry",
            [
                ("id", models.BigAutoField("id", primary_key=True, serialize=False)),
                ("at", models.DateTimeField("at")),
                ("who", models.CharField("who", max_length=200)),
                ("database_user", models.CharField("database user", max_length=200)),
                ("action", models.CharField("action", max_length=40)),
                ("migration_id", models.CharField("migration", max_length=200)),
                ("reason", models.TextField("reason")),
                ("details", models.TextField("details")),
            ],
            db_table="migration_guard_audit",
            ordering=("-id",),
            verbose_name="audit entry",
            verbose_name_plural="audit entries",
        ),
        _create(
            "EnvironmentStamp",
            [
                ("id", models.SmallIntegerField("id", primary_key=True, serialize=False)),
                ("environment", models.CharField("environment", max_length=50)),
                ("stamped_at", models.DateTimeField("stamped at")),
                ("who", models.CharField("who", max_length=200)),
            ],
            db_table="migration_guard_environment",
            verbose_name="environment stamp",
            verbose_name_plural="environment stamps",
        ),
        _create(
            "JournalEntry",
            [
                ("id", models.CharField("id", max_length=200, primary_key=True, serialize=False)),
                ("number", models.CharField("number", max_length=40)),
                (
                    "state",
                    models.CharField(
                        "state",
                        choices=[("running", "running"), ("failed", "failed")],
                        max_length=10,
                    ),
                ),
                ("done", models.IntegerField("statements done")),
                ("total", models.IntegerField("statements")),
                ("done_digest", models.CharField("digest of the statements done", max_length=64)),
                ("doubt", models.IntegerField("statement in doubt")),
                ("note", models.TextField("note")),
                ("statement", models.TextField("statement")),
                ("error", models.TextField("error")),
                ("started_at", models.DateTimeField("started at")),
                ("updated_at", models.DateTimeField("updated at")),
                ("database_user", models.CharField("database user", max_length=200)),
                ("environment", models.CharField("environment", max_length=50)),
            ],
            db_table="migration_guard_journal",
            ordering=("number", "id"),
            verbose_name="journal entry",
            verbose_name_plural="journal entries",
        ),
        migrations.RunPython(_exact_text, atomic=False),
    ]
