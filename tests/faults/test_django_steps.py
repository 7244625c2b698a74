"""A connection that is lost within a migration of Django's: what is told is what the database has."""

from __future__ import annotations

import re

import pytest

from tests.commands.refusals import tables
from tests.faults.proxy import Moment, Phase, Sent
from tests.faults.record import FULL, rounds
from tests.faults.test_lost_answers import ON_SERVERS, wipe
from tests.projects import Project
from tests.running.support import applied

OPERATIONS = {
    # Django defers the index to the end of the migration.
    "deferred": """\
                migrations.CreateModel(
                    "Book",
                    [
                        ("id", models.AutoField(primary_key=True)),
                        ("title", models.CharField(max_length=40, db_index=True)),
                    ],
                ),
    """,
    "not atomic": """\
                migrations.RunSQL("CREATE TABLE shop_book (id integer)"),
                migrations.RunSQL("INSERT INTO shop_book VALUES (1)"),
    """,
}
MIGRATION = """\
        from django.db import migrations, models

        class Migration(migrations.Migration):
            atomic = {atomic}
            operations = [
{operations}
            ]
"""
NAME = "shop.0001_book"
AGAIN = "runsqlmigrations --with-django"
BEGINNING = "CREATE TABLE .?shop_book"
MOMENTS = "" if FULL else "INSERT INTO .?(django_migrations|shop_book)|COMMIT"
COMMAND = re.compile(r"manage\.py ((?:migrate|runsqlmigrations)[^,.;\n]*?)(?=,|;|\.|$| again| for)")


def drop_at(number, phase):
    """Return the moment at which the `number`th such statement loses its connection."""
    count = 0

    def matches(sent: Sent) -> bool:
        nonlocal count
        is_next = bool(re.match(MOMENTS if count else BEGINNING, sent.text))
        count += is_next
        return is_next and count == number

    moment = Moment(matches, phase)
    moment.drop()
    return moment


@pytest.fixture
def project(server_proxy, database, tmp_path):
    """Give `project(kind)`, with a migration of Django's and a file behind it."""

    def make(kind):
        project = Project(tmp_path / "site", database)
        text = MIGRATION.format(atomic=kind != "not atomic", operations=OPERATIONS[kind])
        project.write({"shop/migrations/__init__.py": "", "shop/migrations/0001_book.py": text})
        project.migrations({"1_a.sql": f"-- guard: requires = {NAME}\nCREATE TABLE a (id int);"})
        return project

    return make


def is_recorded(database) -> bool:
    query = "SELECT 1 FROM django_migrations WHERE app = 'shop' AND name = '0001_book'"
    return bool(database.execute(query))


def told_truly(database, out) -> str:
    """Check that what is told of the migration is what the database has; return the words."""
    has_table = "shop_book" in tables(database)
    if f"{NAME} is applied and recorded; " in out:
        assert (is_recorded(database), has_table) == (True, True), out
        return "recorded"
    if f"{NAME} was rolled back as a whole" in out:
        assert (is_recorded(database), has_table) == (False, False), out
        return "rolled back"
    if f"all statements of {NAME} have run and stay; its row" in out:
        assert (is_recorded(database), has_table) == (False, True), out
        return "unrecorded"
    if f"{NAME} is not recorded as applied; what it did before may stay" in out:
        assert not is_recorded(database), out
        return "half done"
    return ""  # lost in another step


@ON_SERVERS
@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.ANSWERED], ids=lambda phase: phase.value)
@pytest.mark.parametrize("kind", OPERATIONS)
def test_django_migration_when_its_connection_is_lost_is_looked_up(
    kind, phase, database, server_proxy, project, tried
):
    site, told = project(kind), set()
    for number in range(1, rounds(bounded=3, full=99) + 1):
        wipe(database)
        moment = drop_at(number, phase)
        server_proxy.begin(moment)
        failed = site.manage(*AGAIN.split())
        server_proxy.begin()
        if not moment.reached.is_set():
            break

        where = f"{number}: {moment.sent}\n{failed.out}"
        assert "Traceback" not in failed.out, where
        told.add(words := told_truly(database, failed.out))
        if words == "half done":
            database.execute("DROP TABLE IF EXISTS shop_book")  # it says to look
        *_, next_step = failed.out.rpartition("Next: ")
        for command in COMMAND.findall(next_step) if words else [AGAIN]:
            done = site.manage(*command.split())
            assert done.code == 0, f"{where}\n{command}\n{done.out}"
        assert (is_recorded(database), applied(database)) == (True, ["1_a"])
        assert "shop_book" in tables(database)
        tried(
            f"a connection is lost within a migration of Django's ({database.vendor})",
            item=2,
            result="its record is looked up: told as it is; the command that is named goes on",
        )
        if not words:
            break  # what comes behind it has tests of its own

    is_whole = kind == "deferred" and database.vendor == "postgresql"
    assert ("rolled back" in told) is is_whole
    assert bool(told & {"half done", "unrecorded"}) is not is_whole
    if phase is Phase.ANSWERED:
        assert "recorded" in told
