"""A search path that leads elsewhere: no migration runs twice, and none counts that never ran here."""

import pytest

from tests.faults.state import state

FILES = {
    "1_a.sql": "CREATE TABLE a (id int); INSERT INTO a VALUES (1)",
    "2_b.sql": "-- guard: transaction = off\nCREATE INDEX CONCURRENTLY a_id ON a (id)",
}
LATER = {**FILES, "3_c.sql": "CREATE TABLE c (id int)"}
FAULTS = {
    "does not lead to the history any more": "app",
    "leads to another schema before that of the history": "app, public",
    "leads to a schema in which migrate made empty tables of the app": "other",
}
COMMANDS = (
    ("runsqlmigrations",),
    ("runsqlmigrations", "--plan"),
    ("runsqlmigrations", "--check"),
    ("runsqlmigrations", "--baseline", "2"),
    ("repairsqlmigrations", "3_c", "--mark-applied", "--reason", "a test"),
)


@pytest.mark.parametrize(("fault", "schemas"), FAULTS.items(), ids=FAULTS.values())
def test_search_path_when_it_leads_elsewhere_stops_and_loses_nothing(
    fault, schemas, postgres, migrations, runners, tried
):
    """The setting is that of the database, as ALTER ROLE and ALTER DATABASE make it."""

    def lead_to(path):
        postgres.execute(f'ALTER DATABASE "{name}" SET search_path = {path}')

    name = postgres.settings["NAME"]
    postgres.execute("CREATE SCHEMA app")
    postgres.execute("CREATE SCHEMA other")
    migrations(FILES)
    assert runners("runsqlmigrations").code == 0
    if schemas == "other":
        lead_to("other")
        assert runners("migrate", "migration_guard").code == 0
    before = state(postgres)
    migrations(LATER)
    lead_to(schemas)

    results = [runners(*command) for command in COMMANDS]
    lead_to("public")
    assert state(postgres) == before
    converged = runners("runsqlmigrations", "--format", "json")

    assert [result.code for result in results] == [2] * len(COMMANDS), results
    assert (converged.code, converged.json["applied"]) == (0, ["3_c"]), converged.err
    tried(
        f"the search_path {fault}",
        item=6,
        result="refused, with the cures; nothing is made there; put right, the next run goes on",
        times=len(COMMANDS),
    )
