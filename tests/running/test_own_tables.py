"""The app's own tables, when a later release of the app brings a migration for them."""

import os
import shutil

from tests.conftest import ROOT

SECOND = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("migration_guard", "0001_initial")]
    operations = [migrations.RunSQL("CREATE TABLE migration_guard_later (id integer)")]
"""


def test_own_tables_when_a_release_brings_a_migration_are_upgraded_by_the_next_run(
    database, migrations, guard_process, tmp_path
):
    migrations({"0001_a.sql": "CREATE TABLE a (id integer);"})
    assert guard_process("runsqlmigrations").code == 0
    later = tmp_path / "later" / "migration_guard"
    shutil.copytree(ROOT / "migration_guard", later)
    (later / "migrations" / "0002_later.py").write_text(SECOND)
    path = os.pathsep.join([str(later.parent), str(ROOT)])
    migrations(
        {"0001_a.sql": "CREATE TABLE a (id integer);", "0002_b.sql": "CREATE TABLE b (id integer);"}
    )

    done = guard_process("runsqlmigrations", env={"PYTHONPATH": path, "PYTHONSAFEPATH": "1"})

    assert done.code == 0, done.err
    assert database.execute("SELECT * FROM migration_guard_later") == []
    assert database.execute("SELECT id FROM applied_migrations ORDER BY number") == [
        ("0001_a",),
        ("0002_b",),
    ]
