"""The kinds of object beside tables: what is left out, hidden, or differs only in its text."""

import pytest
from django.db import connection, transaction
from psycopg import errors

from migration_guard.fresh.drift import drift
from migration_guard.results import Verdict
from migration_guard.schema.diff.compare import Change, compare
from migration_guard.schema.diff.database import read_database
from migration_guard.schema.objects import UNKNOWN
from tests.conftest import installed
from tests.schema.catalogue_mutations import objects
from tests.schema.test_meaning import restore

_ICU = "CREATE COLLATION sorted (PROVIDER = icu, LOCALE = 'und'"
_BUILTIN = "CREATE COLLATION sorted (PROVIDER = builtin, LOCALE"
# What not every build has: one collation, another of its name, and the words for both.
COLLATIONS = [
    (f"{_ICU})", f"{_ICU}, DETERMINISTIC = false)", "DETERMINISTIC", "no DETERMINISTIC"),
    (f"{_ICU})", f"{_ICU.replace('und', 'de')})", "LOCALE und", "LOCALE de"),
    (f"{_ICU})", f"{_ICU}, RULES = '&a < g')", "no RULES", "RULES &a < g"),
    (f"{_BUILTIN} = 'C')", f"{_BUILTIN} = 'C.UTF-8')", "LOCALE C", "LOCALE C.UTF-8"),
]
NO_SUBSCRIPTION = "DROP SUBSCRIPTION IF EXISTS daily"


@pytest.fixture
def all_kinds(each_postgres):
    """Give a database of each version with an object of each kind."""
    each_postgres.execute(objects.SCHEMA)
    yield each_postgres
    each_postgres.execute(NO_SUBSCRIPTION)  # or the database could not be dropped


def _differences(before, after):
    return [
        assertion.violation or assertion.unknown
        for assertion in drift(before, after, None)
        if assertion.verdict is not Verdict.KEPT
    ]


def _read_after(change):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(change)
        after = read_database(connection)
        transaction.set_rollback(True)
    return after


def _is_named(differences, place, was, is_now):
    return (
        [(item.table, item.object) for item in differences] == [place]
        and was in differences[0].expected
        and is_now in differences[0].actual
        and "hush" not in str(differences)
    )


# What a dump writes otherwise than it was made, or in another order.
EXOTIC = r"""
CREATE TABLE lines (id serial, n int, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
CREATE TABLE lines_1 PARTITION OF lines FOR VALUES FROM (1) TO (9);
CREATE SEQUENCE counted OWNED BY lines.n;
CREATE SEQUENCE shared MINVALUE -5 START -3 CYCLE;
CREATE TABLE one (id int DEFAULT nextval('shared'));
CREATE TABLE two (id int DEFAULT nextval('shared'));
CREATE TABLE renamed_before (id serial);
ALTER TABLE renamed_before RENAME TO renamed;
CREATE DOMAIN range_of AS int DEFAULT 3 CHECK (VALUE BETWEEN 1 AND 9 AND VALUE <> 5) NOT NULL;
CREATE DOMAIN narrower AS range_of CHECK (VALUE IN (1, 2)) CHECK (VALUE < 3);
CREATE DOMAIN many AS varchar(9)[] COLLATE "C";
CREATE TYPE nested AS (a narrower, b text[], c numeric(9, 2), "Odd" mood);
CREATE TYPE of_code AS RANGE (SUBTYPE = code, COLLATION = plain);
CREATE TYPE quoted AS ENUM ('it''s', '', ' ', 'a, b');
CREATE FUNCTION picky(a int, b int DEFAULT 1, c bool DEFAULT 1 BETWEEN 0 AND 2 AND 1 <> 5)
    RETURNS TABLE (x int, y text) STABLE LEAKPROOF ROWS 7 COST 3 SET work_mem = '8MB'
    SET search_path FROM CURRENT BEGIN ATOMIC
        SELECT id, name FROM items WHERE price BETWEEN a AND b AND price <> 5 AND c;
        SELECT id, trim(name) FROM items WHERE name IN ('a', 'b');
    END;
CREATE FUNCTION spread(VARIADIC numbers int[] DEFAULT ARRAY[1]) RETURNS int LANGUAGE sql
    RETURN numbers[1];
CREATE FUNCTION quoting() RETURNS text LANGUAGE sql AS $a$SELECT $$it's \ $b$ $$$a$;
CREATE AGGREGATE ordered(float8 ORDER BY anyelement) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final,
    FINALFUNC_EXTRA);
CREATE OPERATOR ### (FUNCTION = int4abs, RIGHTARG = int);
CREATE OPERATOR <#< (FUNCTION = int4lt, LEFTARG = int, RIGHTARG = int, COMMUTATOR = >#>,
    NEGATOR = >=#, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR CLASS near FOR TYPE int USING btree FAMILY family AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 btint4cmp(int, int), FUNCTION 2 (int, int) btint4sortsupport(internal);
CREATE CAST (items AS bigint) WITH INOUT AS ASSIGNMENT;
CREATE STATISTICS many_of (dependencies, mcv, ndistinct)
    ON (price BETWEEN 1 AND 9 AND price <> 5), name, (lower(name)) FROM items;
ALTER STATISTICS many_of SET STATISTICS 50;
CREATE PUBLICATION filtered FOR TABLE items ("Odd", id, price)
    WHERE (id BETWEEN 1 AND 9 AND id <> 5) WITH (publish = 'insert', publish_via_partition_root);
CREATE PUBLICATION whole FOR TABLES IN SCHEMA shop, lonely;
CREATE MATERIALIZED VIEW cheap AS SELECT id, name FROM items WHERE price < 5;
CREATE MATERIALIZED VIEW later AS SELECT id FROM items WITH NO DATA;
CREATE VIEW dear WITH (security_barrier, check_option = cascaded) AS
    SELECT id, price FROM items WHERE price BETWEEN 1 AND 9 AND price <> 5;
CREATE RULE dear_too AS ON INSERT TO dear WHERE NEW.price BETWEEN 1 AND 9 AND NEW.price <> 5
    DO INSTEAD (INSERT INTO items (price) VALUES (NEW.price); DELETE FROM two);
ALTER TEXT SEARCH CONFIGURATION spoken ADD MAPPING FOR email, url WITH english_stem;
ALTER EVENT TRIGGER watcher ENABLE ALWAYS
"""


def test_drift_when_a_dump_of_all_objects_was_restored_is_none(
    all_kinds, each_server, django_db_blocker
):
    all_kinds.execute(EXOTIC)
    all_kinds.execute(NO_SUBSCRIPTION)  # a dump that an older server does not read
    original = read_database(connection)
    with each_server.database() as database:
        restore(all_kinds, database)
        with installed(database, django_db_blocker):
            restored = read_database(connection)

    assert _differences(original, restored) == []


@pytest.mark.parametrize(("made", "change", "was", "is_now"), COLLATIONS)
def test_drift_when_a_collation_changes_in_one_thing_then_that_is_named(
    made, change, was, is_now, postgres
):
    try:
        postgres.execute(f"{change}; DROP COLLATION sorted; {made}")
    except (
        errors.FeatureNotSupported,
        errors.SyntaxError,
        errors.InvalidObjectDefinition,
    ) as error:
        pytest.skip(f"{change}: {error}")
    before = read_database(connection)

    differences = _differences(before, _read_after(f"DROP COLLATION sorted; {change}"))

    assert _is_named(differences, ("", "collation sorted"), was, is_now), differences


OWNABLE = """
AGGREGATE total(int); AGGREGATE middle(int ORDER BY int); DOMAIN amount; DOMAIN sorted; COLLATION plain; DOMAIN cents; DOMAIN code; TYPE pair; TYPE mood; TYPE span;
TYPE words; TYPE small; TYPE unfinished; OPERATOR +& (int, int); OPERATOR ^^ (int, int);
OPERATOR CLASS far USING btree; OPERATOR FAMILY far USING btree;
OPERATOR FAMILY family USING btree; ACCESS METHOD pile; CAST (items AS int);
TRANSFORM FOR small LANGUAGE plpgsql; LANGUAGE talk; CONVERSION latin; TEXT SEARCH PARSER parts;
TEXT SEARCH TEMPLATE plain; TEXT SEARCH DICTIONARY lower; TEXT SEARCH CONFIGURATION spoken;
EVENT TRIGGER watcher; FOREIGN DATA WRAPPER wrapper; FOREIGN DATA WRAPPER other_wrapper; SERVER far;
SERVER near; SEQUENCE tickets; SCHEMA lonely; SCHEMA shop; PROCEDURE tidy(int)
"""
NEVER_OWNED = {"user mapping", "sequence of column", "statistics", "publication"} | {"subscription"}
# Under the name that an object of the extension has elsewhere.
NAMESAKES = """
CREATE SCHEMA mine; SET search_path = mine, public;
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE DOMAIN cents AS int; CREATE TYPE pair AS (a int); CREATE SEQUENCE tickets;
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TEXT SEARCH CONFIGURATION spoken (PARSER = default);
CREATE OPERATOR +& (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE COLLATION plain (PROVIDER = libc, LC_COLLATE = 'C', LC_CTYPE = 'C');
RESET search_path
"""


def _words(snapshot):
    assert snapshot.programs is not UNKNOWN, snapshot.unknown
    programs = (program for program in snapshot.programs if not program.is_option)
    return {(program.kind, program.name) for program in programs}


def test_objects_when_an_extension_has_them_are_left_out_but_not_their_namesakes(all_kinds):
    functions = all_kinds.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND prokind = 'f' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid"
        " AND d.deptype = 'i')"
    )
    for thing in [*OWNABLE.split(";"), *(f"FUNCTION {name}" for (name,) in functions)]:
        all_kinds.execute(f"ALTER EXTENSION plpgsql ADD {thing}")
    left = _words(read_database(connection))
    all_kinds.execute(NAMESAKES)

    added = _words(read_database(connection)) - left

    assert {kind for kind, _ in left} == NEVER_OWNED | {"collation"}
    assert added == {
        ("schema", "mine"),
        ("aggregate", "mine.total(integer)"),
        ("domain", "mine.cents"),
        ("type", "mine.pair"),
        ("sequence", "mine.tickets"),
        ("function", "mine.watch()"),
        ("text search configuration", "mine.spoken"),
        ("operator", "mine.+&(integer,integer)"),
        ("collation", "mine.plain"),
    }


def test_drift_when_an_extension_is_in_another_schema_then_that_is_named(postgres):
    extensions = {name for (name,) in postgres.execute("SELECT name FROM pg_available_extensions")}
    name = next(name for name in ("vector", "citext") if name in extensions)
    postgres.execute(f"CREATE SCHEMA shop; CREATE EXTENSION {name}")
    before = read_database(connection)

    differences = _differences(before, _read_after(f"ALTER EXTENSION {name} SET SCHEMA shop"))

    place = ("", f"extension {name}")
    assert _is_named(differences, place, "SCHEMA public", "SCHEMA shop"), differences


def test_user_mapping_when_its_options_are_hidden_from_the_role_is_unknown(all_kinds):
    before = read_database(connection)
    role = f"role_{all_kinds.settings['NAME']}"
    all_kinds.execute(f"CREATE ROLE {role}")

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
        after = read_database(connection)
        transaction.set_rollback(True)
    all_kinds.execute(f"DROP ROLE {role}")

    assert after.programs is not UNKNOWN, after.unknown
    comparisons = [item for item in compare(before, after) if item.change is not Change.SAME]
    assert [(item.change, item.database_object.kind) for item in comparisons] == [
        (Change.UNKNOWN, "user mapping")
    ]
