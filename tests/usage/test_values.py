"""No value is ever recorded: not from a text, a result's name, a caller or a server's answer."""

import string
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from migration_guard.usage.merging import FORMATTED
from migration_guard.usage.recorder import record
from migration_guard.usage.statement import dump
from tests.usage.models import make_clubs

TABLE = "CREATE TABLE topics (id integer PRIMARY KEY, title varchar(40) NOT NULL, score integer)"

# Values that no code has, and that no digest holds by chance. They are made of parts: Hypothesis
# draws whole texts and numbers also from the constants of modules, which a file of usage may have.
WORDS = st.lists(st.sampled_from(string.ascii_lowercase), min_size=12, max_size=18).map("".join)
# No constant of a module looks like that.
NUMBERS = st.integers(100_000, 999_999).map(lambda middle: int(f"48{middle}7"))
# Each way in which a function writes a value into SQL; {} is the value.
TEMPLATES = [
    "SELECT id FROM topics WHERE title = '{}'",
    "SELECT id FROM topics WHERE title LIKE '%{}%'",
    "SELECT id FROM topics WHERE title IN ('a', '{}')",
    "INSERT INTO topics (id, title) VALUES (1, '{}')",
    "SELECT id FROM topics /* user={} */",
    "SELECT id FROM topics -- {}",
    "/* {} */ SELECT id FROM topics",
    'SELECT id AS "{}" FROM topics',
    "SELECT id AS {} FROM topics",
    "WITH {} AS (SELECT id FROM topics) SELECT id FROM {}",
    "SELECT id, '{}' FROM topics",
    "SELECT '{}'",
    "SELECT {} FROM topics",
    "SELECT id FROM {}",
    "SELECT id FROM topics WHERE {} = ",
    "SELECT id FROM topics WHERE title = 'a' '{}",
]
NUMBER_TEMPLATES = [
    "SELECT id FROM topics WHERE id = {}",
    "SELECT id FROM topics WHERE id IN (1, {})",
    "SELECT id FROM topics WHERE id > -{}",
    "SELECT id + {} FROM topics",
    "SELECT {}",
    "SELECT id FROM topics WHERE score > {}.5",
    "SELECT id FROM topics WHERE title = 'id-{}'",
]
OF_VENDORS = {
    "postgresql": [
        "SELECT id FROM topics WHERE title = $${}$$",
        "SELECT id FROM topics WHERE title = $a${}$a$",
        "SELECT id FROM topics WHERE title = E'\\n{}'",
        "SELECT id FROM topics WHERE title = ANY(ARRAY['{}'])",
        "SELECT id FROM topics WHERE title = ANY('{{{}}}'::text[])",
        """SELECT '{{"name": "{}"}}'::jsonb ->> 'name' FROM topics""",
        "SELECT id FROM topics WHERE '{}'::date > now()",
        "SELECT id FROM topics WHERE title = '{}'::no_type",
    ],
    "mysql": [
        'SELECT id FROM topics WHERE title = "{}"',
        "SELECT /*+ SET_VAR(a='{}') */ id FROM topics",
        "SELECT /*!50000 '{}' */ FROM topics",
        "SELECT id FROM topics # {}",
        "SELECT id AS `{}` FROM topics",
        "SELECT CONCAT(title, '{}') FROM topics",
    ],
    "sqlite": [
        'SELECT id FROM topics WHERE title = "{}"',
        "SELECT id AS [{}] FROM topics",
        "SELECT title || '{}' FROM topics",
    ],
}


def record_texts(code, *texts, params=None):
    """Return what is recorded where functions of the project send texts, also refused ones."""
    with record("default", code.root) as statements:
        for place, text in enumerate(texts):
            with transaction.atomic():
                try:
                    with transaction.atomic():
                        code.sender(f"shop/view_{place}.py")(text, params)
                except DatabaseError:
                    pass
                transaction.set_rollback(True)
    return statements


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(word=WORDS, number=NUMBERS)
def test_record_when_values_are_formatted_into_sql_keeps_none(database, code, word, number):
    database.execute(TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
    templates = TEMPLATES + OF_VENDORS[connection.vendor]
    texts = [template.format(word, word) for template in templates]
    texts += [template.format(number) for template in NUMBER_TEMPLATES]

    text = dump(record_texts(code, *texts))

    assert word not in text
    assert str(number) not in text
    assert FORMATTED in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(word=WORDS)
def test_record_when_values_are_parameters_keeps_none(database, code, word):
    database.execute(TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))

    statements = record_texts(
        code, "SELECT %s", "SELECT id FROM topics WHERE title = %s", params=[word]
    )

    assert word not in dump(statements)
    assert not [statement for statement in statements if statement.unchecked]
    assert len(statements) == 2


def test_record_when_a_value_names_a_column_keeps_no_name(postgres, code, guard, tmp_path):
    """A pivot has a column for each value, and code that reads all of them names none."""
    value = "Qwertzuiop"
    postgres.execute(f'CREATE TABLE pivot (id integer, "{value}" integer, total integer)')

    (statement,) = code.record(("SELECT * FROM pivot", None))

    assert value not in dump([statement])
    assert [column.name for column in statement.columns] == ["id", "?column?", "total"]
    postgres.execute(f'ALTER TABLE pivot RENAME "{value}" TO "another"')
    path = tmp_path / "usage.jsonl"
    path.write_text(dump([statement]))
    assert guard("checkschema", "--no-models", "--usage", path).out.count("usage-result") == 0
    postgres.execute("ALTER TABLE pivot ALTER another TYPE text")
    assert guard("checkschema", "--no-models", "--usage", path).out.count("usage-result") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(word=WORDS, number=NUMBERS)
def test_record_when_the_server_tells_a_value_keeps_none(postgres, code, word, number):
    """Planning runs a function, which tells a row that it reads."""
    postgres.execute(
        "DROP TABLE IF EXISTS people CASCADE; CREATE TABLE people (name text, age integer)"
    )
    postgres.execute(f"INSERT INTO people VALUES ('{word} {number}')")
    postgres.execute(
        "CREATE OR REPLACE FUNCTION tell() RETURNS integer STABLE LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', (SELECT name FROM people); END $$"
    )
    postgres.execute(
        "CREATE OR REPLACE FUNCTION cast_it() RETURNS integer STABLE LANGUAGE sql AS "
        "'SELECT name::integer FROM people'"
    )
    calls = [f"SELECT name FROM people WHERE age = {name}()" for name in ("tell", "cast_it")]
    postgres.execute("CREATE TABLE IF NOT EXISTS gone (id integer)")
    with record("default", code.root) as statements:
        for place, text in enumerate([*calls, "SELECT id FROM gone"]):
            with connection.execute_wrapper(lambda *_: None):  # planned at the end alone
                code.sender(f"shop/view_{place}.py")(text)
        postgres.execute("DROP TABLE gone")

    assert word not in dump(statements)
    assert str(number) not in dump(statements)
    assert sorted(statement.unchecked for statement in statements) == [
        "the server does not prepare it: invalid text representation (22P02)",
        "the server does not prepare it: raise exception (P0001)",
        "the server does not prepare it: undefined table (42P01) at gone",
    ]


@pytest.mark.parametrize(
    "source",
    [
        """return f"SELECT id FROM topics WHERE title = '{value}'" """,
        """return "SELECT id FROM topics WHERE title = '%s'" % value""",
        """return "SELECT id FROM topics WHERE title = '{}'".format(value)""",
        """return "SELECT id FROM topics WHERE title = '" + value + "'" """,
        """return "SELECT id FROM topics WHERE title IN (" + ", ".join([repr(value)]) + ")" """,
        """return connection.cursor().mogrify("SELECT id FROM topics WHERE title = %s", [value])""",
        """return sql.SQL("SELECT id FROM topics WHERE title = {}").format(sql.Literal(value))""",
        """return b"SELECT id FROM topics WHERE title = '%s'" % value.encode()""",
    ],
)
def test_record_when_a_function_formats_a_value_says_where(postgres, code, source):
    postgres.execute(TABLE)
    ask = code.function(
        "from django.db import connection\n"
        "from psycopg import sql\n"
        f"def text(value):\n    {source}\n"
        "def ask(value):\n"
        "    with connection.cursor() as cursor:\n"
        "        cursor.execute(text(value))\n"
    )

    with record("default", code.root) as statements:
        ask("ann@example.org")

    (statement,) = statements
    assert (statement.sql, statement.unchecked) == ("", FORMATTED)
    assert statement.callers == ("shop/views.py:ask",)
    assert "example.org" not in dump(statements)


def test_record_when_a_literal_number_is_composed_keeps_no_text(postgres, code):
    postgres.execute(TABLE)
    where = sql.SQL("id = {}").format(sql.Literal(7))

    (statement,) = code.record((sql.SQL("SELECT title FROM topics WHERE {}").format(where), None))

    assert (statement.sql, statement.unchecked) == ("", FORMATTED)


@pytest.mark.parametrize(
    "source",
    [
        "Club.objects.extra(where=[f\"name = '{value}'\"])",
        "Club.objects.annotate(x=RawSQL(f\"'{value}'\", []))",
        "Club.objects.annotate(**{value: F('name')})",
        "Club.objects.raw(f\"SELECT id, '{value}' AS x FROM usage_club\")",
    ],
)
def test_record_when_orm_gets_formatted_sql_keeps_no_value(database, code, source):
    make_clubs()
    ask = code.function(
        "from tests.usage.models import Club\n"
        "from django.db.models import F\n"
        "from django.db.models.expressions import RawSQL\n"
        f"def ask(value):\n    return list({source})\n"
    )

    with record("default", code.root) as statements:
        ask("brqmwyd")

    assert "brqmwyd" not in dump(statements)
    assert [statement.unchecked for statement in statements] == [FORMATTED]


QUERIES = {
    "exists": "Club.objects.filter(name='x').exists()",
    "first": "Club.objects.order_by('id').first()",
    "slice": "list(Club.objects.all()[300:500])",
    "value": "list(Club.objects.annotate(kind=Value('zqxjkvbwpl')).values('kind'))",
    "like": "list(Club.objects.filter(name__icontains='100% zqxjkvbwpl'))",
    "group": "list(Club.objects.values('is_open').annotate(Count('id')).order_by('id__count'))",
    "cast": "list(Club.objects.annotate(x=Cast('id', CharField(max_length=137))).values('x'))",
    "year": "list(Club.objects.filter(since__year=2026, since__week_day=3))",
    "trunc": "list(Club.objects.annotate(day=TruncDay('since')).values('day'))",
    "window": "list(Club.objects.annotate(n=Window(Rank(), order_by='id')).values('n'))",
    "union": "list(Club.objects.values('id').union(Club.objects.values('id')))",
    "update": "Club.objects.filter(id=31337).update(name=Concat('name', Value('!')))",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_record_when_orm_writes_the_text_keeps_it(database, code, query):
    make_clubs()
    ask = code.function(
        "from tests.usage.models import Club\n"
        "from django.db.models import CharField, Count, Value, Window\n"
        "from django.db.models.functions import Cast, Concat, Rank, TruncDay\n"
        f"def ask():\n    return {query}\n"
    )

    with record("default", code.root) as statements:
        ask()

    assert [statement.unchecked for statement in statements] == [""]
    assert "zqxjkvbwpl" not in dump(statements)
    assert "31337" not in dump(statements)


def test_record_on_mariadb_when_orm_formats_an_interval_keeps_no_value(mariadb, code):
    make_clubs()
    ask = code.function(
        "from tests.usage.models import Club\n"
        "def ask(when):\n    return list(Club.objects.values_list(when))\n"
    )

    with record("default", code.root) as statements:
        ask(F("since") + timedelta(seconds=86461))

    assert "86461" not in dump(statements)


@pytest.mark.parametrize(
    ("literal", "is_kept"),
    [("'open'", True), ("'qwyjibo'", False), ("12", True), ("4815162342", False)],
)
def test_record_when_a_literal_stands_in_code_keeps_it(sqlite, code, literal, is_kept):
    sqlite.execute(TABLE)
    ask = code.function(
        "from django.db import connection\n"
        "class Topics:\n"
        "    OPEN = \"SELECT id FROM topics WHERE title = 'open'\"\n"
        "def ask(literal):\n"
        "    where = Topics.OPEN.partition('=')[0]\n"
        "    with connection.cursor() as cursor:\n"
        "        cursor.execute(f'{where} = {literal}')\n"
    )

    with record("default", code.root) as statements:
        ask(literal)

    assert [bool(statement.sql) for statement in statements] == [is_kept]


def test_record_when_literals_stand_in_a_file_of_sql_keeps_them(sqlite, code):
    sqlite.execute(TABLE)
    (code.root / "report.sql").write_text("SELECT id\nFROM topics\nWHERE title = 'zq' || 'xjkv'")

    (statement,) = code.record(((code.root / "report.sql").read_text(), None))

    assert statement.unchecked == ""
