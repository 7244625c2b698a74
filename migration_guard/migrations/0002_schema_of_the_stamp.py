"""The stamp records the schema in which migrations make their tables.

Null where a vendor has no schemas, and in a stamp of version 0.1 until the next run.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("migration_guard", "0001_initial")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # Django leaves the tables of unmanaged models alone.
                migrations.AlterModelOptions("EnvironmentStamp", {"managed": True}),
                migrations.AddField(
                    "EnvironmentStamp",
                    "schema_name",
                    models.CharField("schema", max_length=200, null=True),
                ),
            ],
            state_operations=[
                migrations.AddField(
                    "EnvironmentStamp",
                    "schema_name",
                    models.CharField("schema", max_length=200, null=True),
                ),
            ],
        ),
    ]
