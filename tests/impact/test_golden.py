"""What 57 statements lock, read and rewrite, on each PostgreSQL that the suite is run with."""

from tests.impact.statements import BEFORE_18, CASES, CONCURRENT, TABLES
from tests.impact.support import effects_of, run_traced


def test_statements_when_traced_show_locks_reads_and_rewrites(postgres, migrations):
    files = {}
    for number, sql in enumerate([*CASES, *CONCURRENT]):
        postgres.execute(f"CREATE SCHEMA c{number}")
        postgres.execute(f"SET search_path = c{number}; {TABLES}")
        directive = "-- guard: transaction = off\n" if sql in CONCURRENT else ""
        files[f"{number + 1:04}_case.sql"] = f"{directive}SET search_path = c{number};\n{sql};\n"
    migrations(files)

    outcome, traces = run_traced(measures=False)

    assert outcome.error is None
    seen = {}
    for number, sql in enumerate([*CASES, *CONCURRENT]):
        of_case = [trace for trace in traces if trace.migration == f"{number + 1:04}_case"]
        assert not any(trace.unknown for trace in of_case), of_case
        seen[sql] = {
            table.removeprefix(f"c{number}."): text for table, text in effects_of(of_case).items()
        }
    is_old = postgres.execute("SHOW server_version_num") < [("180000",)]
    assert seen == {**CASES, **CONCURRENT, **(BEFORE_18 if is_old else {})}
