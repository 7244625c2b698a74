"""Item 2: an adoption dies at a chosen step; the next one goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.adopting.other_tools import SQL, goose_folder, goose_ran, make_table
from tests.faults.proxy import Phase
from tests.faults.support import applied_now
from tests.faults.test_kill import FAULTS, Step, kill

if TYPE_CHECKING:
    from tests.servers import Database

IDS = ["00001_step_1", "00002_step_2"]
INSERT = "INSERT INTO"
STEPS = [
    Step("before the own tables are made", 'INSERT INTO "django_migrations"', Phase.BEFORE),
    Step(
        "before the rows of the adoption", 'INSERT INTO "public"."applied_migrations"', Phase.BEFORE
    ),
    Step("between two rows", 'INSERT INTO "public"."applied_migrations"', Phase.ANSWERED),
    Step("before the audit entry", 'INSERT INTO "public"."migration_guard_audit"', Phase.BEFORE),
    Step(
        "before its commit", "COMMIT", Phase.BEFORE, 'INSERT INTO "public"."migration_guard_audit"'
    ),
    Step(
        "behind its commit",
        "COMMIT",
        Phase.ANSWERED,
        'INSERT INTO "public"."migration_guard_audit"',
    ),
]


def begin_again(postgres: Database) -> None:
    postgres.execute("DROP SCHEMA public CASCADE")
    postgres.execute("CREATE SCHEMA public")
    make_table(postgres, "goose")
    goose_ran(postgres, [(1, True), (2, True)])
    for sql in SQL[:2]:
        postgres.execute(sql)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_adoption_when_killed_at_a_step_is_whole_or_goes_on(
    step, postgres, proxy, runners, migrations, guard, tmp_path, tried
):
    migrations({})
    taken = guard("makesqlmigration", "--from", "goose", goose_folder(tmp_path / "goose", SQL[:2]))
    assert taken.code == 0, taken.err
    for fault in (kill, FAULTS["pg_terminate_backend of the working connection"]):
        begin_again(postgres)
        moment = step.moment()
        proxy.begin(moment)
        runner = runners.start("runsqlmigrations", "--adopt")
        while not moment.reached.wait(0.02) and not runner.has_ended():
            pass
        assert moment.reached.is_set(), f"{step.name} was not reached: {runner.wait().err}"
        fault(runner, moment, postgres, proxy)
        runner.wait()
        left = applied_now(postgres)
        proxy.begin()
        plain = runners("runsqlmigrations")
        again = runners("runsqlmigrations", "--adopt")

        assert left in ([], IDS)
        assert plain.code == (0 if left else 2), plain.err
        assert again.code == 0, again.err
        assert applied_now(postgres) == IDS
        entries = postgres.execute(
            "SELECT count(*) FROM migration_guard_audit WHERE action = 'adopted'"
        )
        assert entries == [(1,)]
    tried(
        f"{step.name}: SIGKILL of the runner, its connection terminated",
        item=2,
        result="all rows or none; the next --adopt goes on, and until then nothing runs",
        times=2,
    )
