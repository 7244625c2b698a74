"""The lines that other tools execute, found among a file's comments; and names of their files."""

import pytest

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.planning.directives import parse
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.foreign_formats import TOOLS, Effect, Place, tool_of_name
from migration_guard.planning.foreign_markers import foreign_markers
from migration_guard.planning.names import FileName, scan
from migration_guard.planning.preflight import prepare
from tests.linter.cases import found

VENDORS = ("postgresql", "sqlite", "mysql")

DIVIDING = [
    ("dbmate", "-- migrate:up"),
    ("dbmate", "-- migrate:down"),
    ("dbmate", "--migrate:up transaction:false"),
    ("goose", "-- +goose Up"),
    ("goose", "-- +goose Down"),
    ("goose", "--+goose   DOWN --"),
    ("goose", "\t-- +goose down"),
    ("sql-migrate", "-- +migrate Up"),
    ("sql-migrate", "-- +migrate Down notransaction"),
    ("sql-migrate", "--  +MIGRATE down"),
    ("micrate", "-- +micrate Up"),
    ("micrate", "  --+micrate DOWN"),
    ("node-pg-migrate", "-- Up Migration"),
    ("node-pg-migrate", "-- Down Migration"),
    ("node-pg-migrate", "------ down   migration ------"),
    ("Rambler", "-- rambler up"),
    ("Rambler", "--  Rambler DOWN"),
    ("Play evolutions", "-- !Ups"),
    ("Play evolutions", "# --- !Downs"),
    ("Play evolutions", "  # !Ups"),
    ("tern", "---- create above / drop below ----"),
    ("tern", "----  Create above/drop below ----"),
    ("Liquibase", "--liquibase formatted sql"),
    ("Liquibase", "-- Liquibase  Formatted SQL"),
    ("Liquibase", "--changeset nvoxland:1"),
    ("Liquibase", '-- changeset "a b":"c d" runInTransaction:false'),
    ("MyBatis Migrations", "-- //@UNDO"),
    ("shmig", "-- ==== DOWN ===="),
]
NO_TRANSACTION = [
    ("goose", "-- +goose NO TRANSACTION"),
    ("goose", "--  +goose no transaction"),
    ("tern", "---- tern: disable-tx ----"),
    ("postgres-migrations", "-- postgres-migrations disable-transaction"),
    ("sqlx", "-- no-transaction"),
    ("sqlx", "-- no-transaction, for the index"),
    ("graphile-migrate", "--! no-transaction"),
    ("yoyo", "-- transactional: false"),
    ("yoyo", "--transactional : FALSE"),
    ("Atlas", "-- atlas:txmode none"),
]
SILENT = [
    "-- +goose StatementBegin",
    "-- +goose StatementEnd",
    "-- +goose ENVSUB ON",
    "-- +migrate StatementBegin",
    "-- +micrate StatementEnd",
    "--> statement-breakpoint",
    "--rollback DROP TABLE a;",
    "-- atlas:nolint destructive",
    "-- atlas:txmode file",
    "-- atlas:delimiter \\n\\n",
    "-- depends: 0001.a 0002.b",
    "-- transactional: true",
    "--! Previous: -",
    "--! Hash: sha1:0123",
    "--! Message: a",
    # Prose, and other capital letters or columns where the tool minds them.
    "-- Up migration of the clients",
    "-- down migration: none",
    "-- The up migration",
    "-- MIGRATE:UP",
    "-- Migrate:down",
    "  -- migrate:down",
    "-- see migrate:up",
    "-- migrate:upwards",
    "-- goose Up",
    "-- +goose Upwards",
    "-- about +goose Down",
    "-- !ups",
    "-- # --- !UPS",
    "-- rambler up and away",
    "-- create above / drop below",
    "-- changeset for the clients: see the ticket",
    "-- changeset 12: adds the clients",
    "-- the liquibase formatted sql of old",
    "-- //@ undone",
    "-- ==== UP AND DOWN ====",
    "-- rolled back by migrate:down",
    "/* -- migrate:down */",
    "/*\n-- migrate:down\n-- Down Migration\n---- create above / drop below ----\n*/",
]


def markers(text, vendor="postgresql"):
    directives, _ = parse(text, BUILT_IN_ENVIRONMENTS)
    file = MigrationFile(FileName("0001_a", 1, None, "0001_a.sql"), text, "", directives)
    found = foreign_markers(file, vendor)
    return [(marker.tool, marker.effect, text.count("\n", 0, marker.start) + 1) for marker in found]


def problems(text, vendor="postgresql"):
    directives, _ = parse(text, BUILT_IN_ENVIRONMENTS)
    file = MigrationFile(FileName("0001_a", 1, None, "0001_a.sql"), text, "", directives)
    return [p for p in prepare([file], vendor)[1] if p.rule == "foreign-format"]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("tool", "line"), DIVIDING)
def test_line_when_it_divides_the_file_is_a_marker_wherever_it_stands(vendor, tool, line):
    below = f"SELECT 1;\n\n{line}\nSELECT 3;\n"

    assert markers(f"\n{line}\nSELECT 1;\n", vendor) == [(tool, Effect.DIVIDES, 2)]
    assert markers(below, vendor) == [(tool, Effect.DIVIDES, 3)]
    assert markers(f"SELECT 1\n{line}", vendor) == [(tool, Effect.DIVIDES, 2)]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("tool", "line"), NO_TRANSACTION)
def test_line_when_it_asks_for_no_transaction_is_that_marker(vendor, tool, line):
    assert markers(f"{line}\nSELECT 1;\n", vendor) == [(tool, Effect.NO_TRANSACTION, 1)]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("line", SILENT)
def test_line_when_it_is_harmless_or_prose_is_no_marker(vendor, line):
    assert markers(f"-- About a.\n{line}\nSELECT 1;\n{line}\nSELECT 2;\n", vendor) == []


def test_line_of_tern_when_it_stands_behind_other_text_divides_too():
    for before in ("SELECT 2; ", "SELECT 2;", "-- the way back: "):
        text = f"SELECT 1;\n{before}---- create above / drop below ----\nSELECT 3;"
        assert markers(text) == [("tern", Effect.DIVIDES, 2)]


# Lines that are comments on every vendor. MySQL wants a space behind the two dashes.
ALL_LINES = [
    line for _tool, line in (*DIVIDING, *NO_TRANSACTION) if line.lstrip().startswith("-- ")
]
BODIES = [
    ("postgresql", "SELECT '\n{}\n';"),
    ("postgresql", "SELECT $$\n{}\n$$;"),
    ("postgresql", 'CREATE TABLE "\n{}\n" (id int);'),
    ("postgresql", "DO $do$\nBEGIN\n{}\nNULL;\nEND\n$do$;"),
    ("postgresql", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\n{0}\nSELECT 1;\n{0}\nEND;"),
    ("postgresql", "COPY a (b) FROM STDIN;\n{}\n\\.\n"),
    ("sqlite", "SELECT '\n{}\n';"),
    ("sqlite", "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n{0}\nDELETE FROM b;\n{0}\nEND;"),
    ("mysql", "SELECT '\n{}\n';"),
    ("mysql", "CREATE PROCEDURE p() BEGIN\n{0}\nDELETE FROM b;\n{0}\nEND;"),
    ("mysql", "DELIMITER //\nCREATE PROCEDURE p() BEGIN\n{0}\nDELETE FROM b;\n{0}\nEND//\n"),
]


@pytest.mark.parametrize(("vendor", "frame"), BODIES)
@pytest.mark.parametrize("line", ALL_LINES)
def test_line_when_it_stands_in_a_string_body_or_data_is_no_marker(vendor, frame, line):
    assert markers(f"SELECT 1;\n{frame.format(line)}", vendor) == []


@pytest.mark.parametrize(("vendor", "frame"), BODIES)
def test_line_when_it_stands_below_a_string_body_or_data_is_a_marker(vendor, frame):
    text = f"{frame.format('-- x')}\n-- migrate:down\nSELECT 1;"

    assert [tool for tool, *_ in markers(text, vendor)] == ["dbmate"]


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("postgresql", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END"),
        ("mysql", "CREATE PROCEDURE p() BEGIN DELETE FROM b; END"),
    ],
)
def test_marker_when_a_body_beside_it_lacks_its_semicolon_is_found(vendor, body):
    for text in (f"{body}\n-- migrate:down\nSELECT 1;", f"SELECT 1\n-- migrate:down\n{body};"):
        assert [tool for tool, *_ in markers(text, vendor)] == ["dbmate"]


@pytest.mark.parametrize(
    ("tool", "line"), [(tool, line) for tool, line in NO_TRANSACTION if tool in ("sqlx", "yoyo", "Atlas")]
)  # fmt: skip
def test_line_when_its_tool_reads_only_the_top_is_no_marker_below_a_statement(tool, line):
    assert markers(f"SELECT 1;\n{line}\nSELECT 2;") == []


def test_markers_when_every_tool_has_some_are_all_in_the_tables_of_cases():
    named = {tool for tool, _ in (*DIVIDING, *NO_TRANSACTION)}

    assert named == {tool.name for tool in TOOLS if tool.markers}
    assert all(tool.word for tool in TOOLS if tool.markers)
    assert {m.place for tool in TOOLS for m in tool.markers} == set(Place)


@pytest.mark.parametrize("text", ["-" * 200_000, "--" + " " * 200_000 + "x", "-- !Ups?" * 50_000])
def test_text_when_it_is_long_and_alike_is_read_quickly(text):
    markers(f"SELECT 1;\n{text}\n-- migration: rambler +goose no-transaction\nSELECT 2;")


def test_file_when_it_is_divided_is_an_error_that_nothing_silences():
    text = "CREATE TABLE a (id int);\n-- migrate:down\nDROP TABLE a;\n"
    allowed = f"-- guard: allow = foreign-format, we know\n-- migrate:up\n{text}"

    (problem,) = problems(allowed)

    assert (problem.severity, problem.line) == ("error", 2)
    assert 'dbmate divides this file: "-- migrate:up" in line 2, "-- migrate:down" in line 4' in (
        problem.message
    )
    assert problems("-- +goose NO TRANSACTION\nSELECT 1;") == []


def test_static_guard_when_a_file_asks_for_no_transaction_warns_unless_it_is_off(tmp_path):
    files = {
        "0001_a.sql": "-- no-transaction\nSELECT 1;",
        "0002_b.sql": "-- no-transaction\n-- guard: transaction = off\nSELECT 1;",
        "0003_c.sql": "-- guard: allow = foreign-format, one statement\n-- no-transaction\nSELECT 1;",
    }

    (problem,) = found(tmp_path / "m", files)

    assert (problem.rule, problem.severity, problem.line) == ("foreign-format", "warning", 1)
    assert "-- guard: transaction = off" in problem.hint


def test_static_guard_when_a_file_is_divided_is_red_even_if_it_is_allowed(tmp_path):
    text = "-- guard: allow = foreign-format, why not\nSELECT 1;\n-- +goose Down\nSELECT 2;"

    (problem,) = found(tmp_path / "m", {"0001_a.sql": text})

    assert (problem.rule, problem.severity, problem.line) == ("foreign-format", "error", 3)


NAMES = [
    ("Flyway", "V1__a.sql"),
    ("Flyway", "V1.2_3__a b.sql"),
    ("Flyway", "U1__a.sql"),
    ("Flyway", "R__v.sql"),
    ("golang-migrate (or sqlx, bun)", "1_a.up.sql"),
    ("golang-migrate (or sqlx, bun)", "20240101000000_a.down.sql"),
    ("golang-migrate (or sqlx, bun)", "1_a.tx.up.sql"),
    ("Prisma", "20240101000000_a/migration.sql"),
    ("Diesel (or Hasura)", "2024-01-01-000000_a/up.sql"),
    ("Postgrator", "001.do.a.sql"),
    ("db-migrate", "20240101000000-a-up.sql"),
    ("yoyo", "0001.a.rollback.sql"),
    ("graphile-migrate", "000001-a.sql"),
    ("Play evolutions", "1.sql"),
]


@pytest.mark.parametrize(("tool", "name"), NAMES)
def test_name_when_another_tool_explains_it_is_called_by_that_tool(tmp_path, tool, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("SELECT 1;")

    names, (problem,) = scan([tmp_path])

    assert tool_of_name(name) == tool
    assert names == []
    assert problem.rule == "bad-name"
    assert f"1 file has a name of {tool}, not of this app: {name}" == problem.message


def test_names_when_a_hundred_are_of_one_tool_are_one_problem(tmp_path):
    for number in range(100):
        (tmp_path / f"V{number}__a.sql").write_text("SELECT 1;")
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")

    names, (problem,) = scan([tmp_path])

    assert [name.id for name in names] == ["0001_a"]
    assert problem.message.startswith("100 files have names of Flyway, not of this app: V0__a.sql,")


@pytest.mark.parametrize("name", ["add.sql", "0002-b.sql", "V1_a.sql", "0001_a.oracle.sql"])
def test_name_when_no_tool_explains_it_is_a_bad_name(tmp_path, name):
    (tmp_path / name).write_text("SELECT 1;")

    assert tool_of_name(name) is None
    assert [problem.rule for problem in scan([tmp_path])[1]] == ["bad-name"]


@pytest.mark.parametrize("name", ["data/migration.sql", "_old/migration.sql", "2024_a/notes.sql"])
def test_folder_when_it_is_of_no_tool_is_ignored(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text("SELECT 1;")

    assert scan([tmp_path]) == ([], [])
