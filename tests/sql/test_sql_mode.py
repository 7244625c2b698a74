"""How sql_mode changes what a file's literals are, against the real MariaDB."""

import pytest

from migration_guard.sql.sql_mode import has_ansi_quotes, has_plain_backslash
from migration_guard.sql.statements import SQLError, split

ANSI, PLAIN = "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"
SETS = [
    ("SET sql_mode = 'ANSI_QUOTES'", ANSI),
    ("set session SQL_MODE := 'no_backslash_escapes,ANSI'", f"{ANSI},{PLAIN}"),
    ("SET @@sql_mode = ANSI_QUOTES", ANSI),
    ("SET @@session.sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", ANSI),
    ("SET @@local.sql_mode = (SELECT CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES'))", PLAIN),
    ("SET LOCAL sql_mode = 'ORACLE'", ANSI),
    ("SET sql_mode = 4", ANSI),
    ("SET sql_mode = 1048576", PLAIN),
    ("SET sql_mode = 512", ANSI),
    ("SET @a = 1, sql_mode = 'MSSQL', @b = 2", ANSI),
    ("/*!40101 SET @old = @@sql_mode, sql_mode = 'ANSI_QUOTES' */", ANSI),
    ("SET `sql_mode` = 'ANSI_QUOTES'", ANSI),
    ("SET sql_mode = TRADITIONAL", ""),
    ("SET sql_mode = 'STRICT_ALL_TABLES'", ""),
    ("SET GLOBAL sql_mode = @@global.sql_mode", ""),
    ("SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT 1", ""),
    ("SET @sql_mode = 'ANSI_QUOTES'", ""),
    ("SET sql_mode = 'ANSI_QUOTES'; SET sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', '')", ""),
    ("SET sql_mode = 'ANSI_QUOTES'; SET sql_mode = DEFAULT", ""),
    ("SET @m = @@sql_mode; SET sql_mode = 'ANSI_QUOTES'; SET sql_mode = @m", ""),
    ("SET @@global.max_connections = 151, sql_mode = 'ANSI_QUOTES'", ANSI),
]
# After ANSI_QUOTES, the first literal is a name; after the other, it ends at the backslash.
PROBE = "SELECT \"a';b\" FROM (SELECT 1 AS `a';b`) AS x"
BACKSLASH = "SELECT 'a\\', 1"


@pytest.mark.parametrize(("sets", "mode"), SETS)
def test_split_when_a_file_sets_sql_mode_then_it_reads_the_rest_as_mariadb_does(
    mariadb, sets, mode
):
    for statement in split(sets, "mysql"):
        mariadb.execute(statement.text)
    ((value,),) = mariadb.execute("SELECT @@sql_mode")
    modes = {name for name in (ANSI, PLAIN) if name in value.split(",")}
    assert modes == set(filter(None, mode.split(",")))

    probes = [PROBE] * (ANSI in modes) + [BACKSLASH] * (PLAIN in modes)
    source = ";\n".join([sets, *probes, "SELECT 'b\\\\;'"])

    texts = [statement.text for statement in split(source, "mysql")]

    assert texts[sets.count(";") + 1 :] == [*probes, "SELECT 'b\\\\;'"]
    for probe in probes:
        assert mariadb.execute(probe)


@pytest.mark.parametrize(
    "mode", ["", ANSI, PLAIN, f"{PLAIN},{ANSI}", "ORACLE", "STRICT_ALL_TABLES"]
)
def test_split_when_the_session_has_a_mode_then_it_holds_from_the_start(mariadb, mode):
    mariadb.execute(f"SET sql_mode = '{mode}'")
    ((value,),) = mariadb.execute("SELECT @@sql_mode")
    assert has_ansi_quotes(mode) == (ANSI in value)
    assert has_plain_backslash(mode) == (PLAIN in value)

    quoted = 'SELECT "a\\" FROM (SELECT 1 AS `a\\`) AS x' if ANSI in value else 'SELECT "a\\";"'
    plain = BACKSLASH if PLAIN in value else "SELECT 'a\\';'"
    if PLAIN in value and ANSI not in value:
        quoted = 'SELECT "a\\"'

    texts = [statement.text for statement in split(f"{quoted};{plain};SELECT 2", "mysql", value)]

    assert texts == [quoted, plain, "SELECT 2"]
    for text in texts:
        assert mariadb.execute(text)


@pytest.mark.parametrize(
    "value", ["@other", "(SELECT x FROM t)", "SUBSTRING(@@sql_mode, 3)", "@@init_connect"]
)
def test_split_when_only_the_server_knows_the_mode_then_a_text_that_depends_on_it_is_refused(value):
    source = f"SELECT 1;\nSET sql_mode = {value};\n"

    assert len(split(f"{source}SELECT 'a';", "mysql")) == 3
    with pytest.raises(SQLError, match="line 2: sql_mode gets a value"):
        split(f'{source}SELECT "a";', "mysql")


@pytest.mark.parametrize(
    ("source", "setting", "count"),
    [
        ("SELECT 'a\\'; SELECT 2", "on", 2),
        ("SELECT 'a\\'; SELECT 2'", "off", 1),
        ("SELECT 'a\\';'; SET standard_conforming_strings = on; SELECT '\\'; SELECT 2", "off", 4),
        ("SET standard_conforming_strings = on; RESET ALL; SELECT 'a\\'; SELECT 2'", "off", 3),
        ("SET standard_conforming_strings TO DEFAULT; SELECT 'a\\'; SELECT 2'", "off", 2),
        ("SET standard_conforming_strings = off; DISCARD ALL; SELECT 'a\\'; SELECT 2", "on", 4),
    ],
)
def test_split_when_the_role_has_its_own_string_rules_then_they_hold(source, setting, count):
    assert len(split(source, "postgresql", setting)) == count
