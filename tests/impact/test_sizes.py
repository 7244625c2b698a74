"""The sizes of tables: what servers say of them, the file, and its units."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.exceptions import CannotTell
from migration_guard.impact.sizes import Sizes, TableSize, add_up, dump, parse, read
from migration_guard.reports.quantities import format_bytes, format_rows
from tests.reporting import validate

NOW = datetime(2026, 12, 1, 4, tzinfo=UTC)
NUMBERS = st.none() | st.integers(0, 10**15)
SIZES = st.builds(TableSize, NUMBERS, NUMBERS, st.none() | st.floats(0, 10**6), st.booleans())


# What servers say


@pytest.fixture
def written(guard, tmp_path):
    """Give a function that writes the file, and returns its tables, its head and what was told."""

    def write():
        path = tmp_path / "sizes.json"
        result = guard("checkschema", "--write-sizes", str(path))
        assert (result.code, result.out) == (0, ""), result.err
        document = json.loads(path.read_text())
        validate("sizes", document)
        return document.pop("tables"), document, result.err

    return write


def test_sizes_of_postgresql_when_analyzed_are_rows_bytes_and_sums(postgres, written):
    postgres.execute("CREATE SCHEMA shop")
    postgres.execute("CREATE TABLE shop.t (a text); CREATE INDEX ON shop.t (a)")
    postgres.execute("CREATE TABLE never (a int) WITH (autovacuum_enabled = off)")
    postgres.execute("CREATE TABLE p (a int) PARTITION BY RANGE (a)")
    postgres.execute("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (500)")
    postgres.execute("CREATE TABLE p2 PARTITION OF p DEFAULT PARTITION BY RANGE (a)")
    postgres.execute("CREATE TABLE p3 PARTITION OF p2 DEFAULT")
    postgres.execute("INSERT INTO shop.t SELECT md5(g::text) FROM generate_series(1, 1000) g")
    postgres.execute("INSERT INTO p SELECT generate_series(1, 1000)")
    postgres.execute("ANALYZE shop.t, p1, p3")

    tables, head, told = written()

    (size,) = postgres.execute("SELECT pg_total_relation_size('shop.t')")[0]
    assert tables["shop.t"]["rows"] == 1000
    assert size - 3 * 8192 <= tables["shop.t"]["bytes"] <= size  # without its maps
    assert tables["public.never"]["rows"] is tables["public.never"]["bytes"] is None
    assert [tables[f"public.{name}"]["rows"] for name in ("p", "p1", "p2", "p3")] == [
        *(1000, 499, 501, 501)
    ]
    assert list(tables) == sorted(tables)
    assert (head["vendor"], head["schema"]) == ("postgresql", "public")
    assert "such as public.never: ANALYZE" in told


def test_sizes_of_postgresql_when_a_partition_is_not_analyzed_are_at_least(postgres, written):
    postgres.execute("CREATE TABLE p (a int) PARTITION BY RANGE (a)")
    for name, low in (("p1", 0), ("p2", 500)):
        postgres.execute(
            f"CREATE TABLE {name} PARTITION OF p FOR VALUES FROM ({low}) TO ({low + 500}) "
            "WITH (autovacuum_enabled = off)"
        )
    postgres.execute("INSERT INTO p SELECT generate_series(1, 900); ANALYZE p1")

    tables, _head, _told = written()

    assert (tables["public.p"]["rows"], tables["public.p"]["at_least"]) == (499, True)
    assert (tables["public.p1"]["rows"], tables["public.p1"]["at_least"]) == (499, False)


def test_sizes_of_postgresql_when_a_table_is_locked_are_read_at_once(postgres, written):
    postgres.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); ANALYZE t")
    session = postgres.connect()
    session.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")

    tables, _head, _told = written()

    assert tables["public.t"]["rows"] == 1


def test_sizes_of_postgresql_when_asked_by_a_plain_role_are_the_same(postgres, written):
    postgres.execute("CREATE SCHEMA hidden CREATE TABLE t (a int)")
    postgres.execute("INSERT INTO hidden.t VALUES (1), (2); ANALYZE hidden.t")
    role = f"reader_{postgres.settings['NAME']}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    try:
        postgres.configure(USER=role, PASSWORD="secret")
        tables, head, _told = written()
    finally:
        postgres.execute(f"DROP ROLE {role}")

    assert tables["hidden.t"]["rows"] == 2
    assert "secret" not in str((tables, head))


def test_sizes_of_postgresql_when_the_session_writes_dates_oddly_are_the_same(postgres, written):
    postgres.execute("CREATE TABLE t (a int)")
    postgres.execute("SELECT pg_stat_reset()")
    options = "-c datestyle=German -c timezone=Asia/Kathmandu -c search_path=pg_catalog"
    postgres.configure(OPTIONS={"options": options})

    tables, head, _told = written()

    assert "public.t" in tables
    assert datetime.fromisoformat(head["counted_since"]) <= datetime.fromisoformat(head["read_at"])
    assert head["read_at"].endswith("+00:00")


def test_writes_a_second_when_the_server_says_since_when_are_their_mean(postgres, written):
    postgres.execute("CREATE TABLE t (a int)")
    _tables, head, told = written()
    assert head["counted_since"] is None
    assert "Writes a second are not known" in told

    postgres.execute("SELECT pg_stat_reset()")
    postgres.execute("INSERT INTO t SELECT generate_series(1, 1000); UPDATE t SET a = 1")
    postgres.execute("SELECT pg_stat_force_next_flush()")
    tables, head, told = written()

    seconds = datetime.fromisoformat(head["read_at"]) - datetime.fromisoformat(
        head["counted_since"]
    )
    assert tables["public.t"]["writes_per_second"] > 2000 / (seconds.total_seconds() + 2)
    assert "Writes" not in told


def test_sizes_of_mariadb_when_read_are_without_database_and_lock(mariadb, written):
    mariadb.execute("CREATE TABLE t (a int PRIMARY KEY)")
    mariadb.execute("INSERT INTO t SELECT seq FROM seq_1_to_1000")
    mariadb.execute("ANALYZE TABLE t")
    mariadb.execute("CREATE VIEW v AS SELECT a FROM t")
    mariadb.connect().cursor().execute("LOCK TABLES t WRITE")

    tables, head, told = written()

    (size,) = mariadb.execute(
        "SELECT data_length + index_length FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = 't'"
    )[0]
    assert tables == {
        "t": {"rows": 1000, "bytes": size, "writes_per_second": None, "at_least": False}
    }
    assert (head["vendor"], head["counted_since"]) == ("mysql", None)
    assert "MariaDB and MySQL do not count them" in told


def test_sizes_of_sqlite_when_never_analyzed_lack_rows(sqlite, written):
    sqlite.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
    sqlite.execute("CREATE INDEX i ON t (b)")
    sqlite.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    assert written()[0]["t"]["rows"] is None

    sqlite.execute("ANALYZE")

    assert written()[0]["t"]["rows"] == 2


@pytest.mark.parametrize(
    "options", [["--fresh"], ["--drift"], ["users"], ["--write", "x"], ["--no-models"]]
)
def test_write_sizes_when_beside_a_check_is_refused(sqlite, guard, tmp_path, options):
    path = tmp_path / "sizes.json"

    result = guard("checkschema", "--write-sizes", str(path), *options)

    assert result.code == 2
    assert "Leave " in result.err
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read"), ("{", "sizes.json:1 is no JSON"), ("{}", "has no sizes: it lacks")],
)
def test_sizes_when_the_file_is_wrong_are_exit_2(
    sqlite, migrations, guard, tmp_path, text, message
):
    migrations({"0001_a.sql": "CREATE TABLE a (b int);"})
    path = tmp_path / "sizes.json"
    if text is not None:
        path.write_text(text)

    result = guard("checkschema", "--fresh", "--impact", "--sizes", str(path))

    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "--write-sizes" in result.err


# Sums


@given(st.dictionaries(st.sampled_from("abcdefg"), SIZES, min_size=1))
def test_sums_when_any_part_is_unknown_say_at_least(own):
    names = sorted(own)
    parents = [(child, names[index // 2]) for index, child in enumerate(names) if index]

    root = add_up(own, parents)[names[0]]

    known = [size.rows for size in own.values() if size.rows is not None]
    assert root.rows == (sum(known) if known else None)
    if root.rows is not None and len(known) < len(own):
        assert root.is_at_least


# The file


@given(
    st.dictionaries(st.text(min_size=1), SIZES), st.none() | st.just(NOW), st.sampled_from(["x"])
)
def test_file_when_read_back_is_what_was_written(tables, since, vendor):
    sizes = Sizes(vendor, NOW, since, tables)

    assert parse(dump(sizes)) == sizes
    assert dump(parse(dump(sizes))) == dump(sizes)


GOOD = dump(Sizes("postgresql", NOW, None, {"public.t": TableSize(1, 2, 3.5)}))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("1,\n", "1\n", ":3 is no JSON"),
        ('"migration_guard_sizes": 1', '"migration_guard_sizes": 2', "version 2"),
        ('"migration_guard_sizes"', '"sizes"', 'lacks "migration_guard_sizes"'),
        ('"rows": 1', '"rows": -1', '"tables"."public.t"."rows" = -1 is no count'),
        ('"rows": 1', '"rows": true', "True is no count"),
        ('"rows": 1', '"row": 1', '"tables"."public.t" lacks "rows"'),
        ('"rows": 1', '"rows": 1, "cols": 2', 'a key "cols"'),
        ('"rows": 1', '"rows": 1, "rows": 2', '"rows" is there twice'),
        ("3.5", "NaN", '"writes_per_second" = nan is no number'),
        ("2026-12-01T04:00:00+00:00", "2026-12-01T04:00:00", "is no time with its zone"),
        ("2026-12-01T04:00:00+00:00", "today", "is no time with its zone"),
        ('"vendor": "postgresql"', '"vendor": "mysql"', "sizes of a mysql database"),
        ("public.t", "\udcff", "not UTF-8"),
    ],
)
def test_file_when_it_is_wrong_says_where(tmp_path, before, after, message):
    path = tmp_path / "sizes.json"
    assert before in GOOD
    path.write_text(GOOD.replace(before, after, 1), errors="surrogateescape")

    with pytest.raises(CannotTell) as error:
        read(path, "postgresql")

    assert str(path) in error.value.message
    assert message in error.value.message


def test_file_when_missing_says_how_to_write_it(tmp_path):
    with pytest.raises(CannotTell, match="--write-sizes"):
        read(tmp_path / "none.json", "sqlite")


@pytest.mark.parametrize(
    ("table", "rows"),
    [("public.t", 1), ("t", 1), ("shop.u", 2), ("u", 3), ("none", None), ("s", None)],
)
def test_size_when_looked_up_without_schema_is_in_that_of_the_connection(table, rows):
    tables = {"public.t": TableSize(1), "shop.u": TableSize(2), "public.u": TableSize(3)}
    sizes = Sizes("postgresql", NOW, None, {**tables, "shop.s": TableSize(4)}, "public")

    assert sizes.of(table).rows == rows


# Units


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *[(0, "0 rows"), (1, "1 row"), (999, "999 rows"), (1000, "1 k rows")],
        *[(1999, "1.9 k rows"), (412_999_999, "412 M rows"), (9_950_000_000, "9.9 G rows")],
        (None, "rows unknown"),
    ],
)
def test_rows_when_shown_are_short_and_never_more(number, text):
    assert format_rows(number) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *[(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 kB"), ((1 << 20) - 1, "1023 kB")],
        *[(96 << 30, "96 GB"), (3 << 39, "1.5 TB"), (1 << 60, "1024 PB"), (None, "size unknown")],
    ],
)
def test_bytes_when_shown_have_units_of_1024(size, text):
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (TableSize(412_000_000, 96 << 30), "412 M rows, 96 GB"),
        (TableSize(412_000_000, 96 << 30, None, True), "at least 412 M rows, 96 GB"),
        (TableSize(412_000_000, 96 << 30, 31.5), "412 M rows, 96 GB, 31 writes a second"),
        (TableSize(5, 8192, 1.2), "5 rows, 8 kB, 1 write a second"),
        (TableSize(5, 8192, 0.9), "5 rows, 8 kB"),
        (TableSize(None, 96 << 30), "96 GB"),
        (TableSize(5), "5 rows"),
        (TableSize(), "size unknown"),
    ],
)
def test_size_when_shown_names_what_is_known(size, text):
    assert str(size) == text


def test_sizes_when_written_where_nobody_may_are_one_message(sqlite, guard):
    result = guard("checkschema", "--write-sizes", str(Path("/nowhere/sizes.json")))

    assert result.code == 2
    assert "cannot be written" in result.err
