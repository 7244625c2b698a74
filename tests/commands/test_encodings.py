"""Databases whose encoding cannot hold all characters: what is stored of SQL, and that it runs."""

import pytest

from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry
from migration_guard.running.connection import can_encode
from migration_guard.running.postgresql.encodings import codec_of
from tests.commands.refusals import OWN_TABLES

FIRST = "SELECT 1;\n"
ACCENT, ARROW, SMILE = "é", "→", "\N{GRINNING FACE}"
CHARACTERS = ACCENT + "€ж" + ARROW + SMILE
POSTGRESQL = {
    "LATIN1": ACCENT,
    "LATIN2": ACCENT,
    "LATIN9": ACCENT + "€",
    "WIN1252": ACCENT + "€",
    "KOI8R": "ж",
    "EUC_CN": ACCENT + "ж" + ARROW,
    "UTF8": CHARACTERS,
    "SQL_ASCII": CHARACTERS,
    "EUC_KR": "",
}
MARIADB = {
    "latin1": ACCENT + "€",
    "utf8mb3": ACCENT + "€ж" + ARROW,
    "utf8mb4": CHARACTERS,
    "cp1251": "",
}


@pytest.fixture(params=[*POSTGRESQL, *MARIADB])
def encoded(request):
    """Give a database in an encoding, and the characters of ours that it holds."""
    name = request.param
    if name in POSTGRESQL:
        postgres = request.getfixturevalue("postgres")
        database = str(postgres.settings["NAME"])
        with request.getfixturevalue("postgres_server").open() as server:
            server.execute(f'DROP DATABASE "{database}"')
            server.execute(
                f"CREATE DATABASE \"{database}\" TEMPLATE template0 ENCODING '{name}' LOCALE 'C'"
            )
        return postgres, POSTGRESQL[name]
    mariadb = request.getfixturevalue("mariadb")
    request.getfixturevalue("migrations")({"0000_first.sql": FIRST})
    assert request.getfixturevalue("guard")("runsqlmigrations").code == 0
    for table in OWN_TABLES - {"django_migrations"}:
        mariadb.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {name}")
    return mariadb, MARIADB[name]


def stored():
    """Return the SQL in the history, by id."""
    return dict(AppliedMigration.objects.exclude(id="0000_first").values_list("id", "sql"))


def test_sql_when_the_encoding_holds_it_is_stored(encoded, migrations, guard):
    _database, held = encoded
    texts = {
        f"000{number}_a": f"-- {character}\nCREATE TABLE a{number} (id integer);\n"
        for number, character in enumerate(CHARACTERS, 1)
    }
    migrations({"0000_first.sql": FIRST} | {f"{name}.sql": text for name, text in texts.items()})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    expected = {
        name: text if character in held else None
        for (name, text), character in zip(texts.items(), CHARACTERS, strict=True)
    }
    assert stored() == expected
    for (name, text), character in zip(expected.items(), CHARACTERS, strict=True):
        note = f"the history will hold no SQL of {name}: the database's encoding has no "
        assert (f"{note}U+{ord(character):04X}" in result.err) == (text is None)
    assert guard("runsqlmigrations", "--check").code == 0


def test_edit_when_the_sql_was_not_stored_is_found_without_a_diff(encoded, migrations, guard):
    _database, held = encoded
    folder = migrations(
        {"0000_first.sql": FIRST, "0001_a.sql": f"-- {CHARACTERS}\nCREATE TABLE a (id integer);\n"}
    )
    assert guard("runsqlmigrations").code == 0

    (folder / "0001_a.sql").write_text(f"-- {CHARACTERS}, again\nCREATE TABLE a (id integer);\n")
    cosmetic = guard("runsqlmigrations", "--check")
    (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n")
    edited = guard("runsqlmigrations", "--check")

    assert cosmetic.code == 0
    assert "cosmetic-edit" in cosmetic.err
    assert edited.code == 1
    assert ("+CREATE TABLE a (id bigint);" in edited.err) == (SMILE in held and ARROW in held)


def test_own_rows_when_the_encoding_lacks_characters_are_written(encoded, migrations, guard):
    _database, held = encoded
    off, reason = "-- guard: transaction = off\n", f"why {CHARACTERS} \udcff"
    folder = migrations(
        {
            "0000_first.sql": FIRST,
            "0001_a.sql": f"{off}CREATE TABLE a (id integer);\nSELECT wrong('a→');\n",
        }
    )

    failed = guard("runsqlmigrations")
    (entry,) = JournalEntry.objects.all()
    (folder / "0001_a.sql").write_text(f"{off}CREATE TABLE a (id integer);\nSELECT 1;\n")
    resumed = guard("runsqlmigrations")
    (folder / "0001_a.sql").write_text("-- a comment\nCREATE TABLE a (id integer);\nSELECT 1;\n")
    accepted = guard("repairsqlmigrations", "0001_a", "--accept-edit", "--reason", reason)

    assert failed.code == 1, failed.err
    assert (entry.state, entry.done, ARROW in entry.statement) == ("failed", 1, ARROW in held)
    assert resumed.code == 0, resumed.err
    assert accepted.code == 0, accepted.err
    written = AuditEntry.objects.get(action="accept-edit").reason
    assert written.startswith("why ")
    assert written.endswith("\\udcff")
    assert "".join(character for character in CHARACTERS if character in written) == "".join(
        character for character in CHARACTERS if character in held
    )


def test_codecs_of_postgresql_have_the_characters_of_the_server(postgres):
    postgres.execute(
        "CREATE FUNCTION held(name) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN "
        "FOR i IN 128..12000 LOOP BEGIN PERFORM convert_to(chr(i), $1); RETURN NEXT i; "
        "EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$"
    )
    names = postgres.execute(
        "SELECT name FROM (SELECT pg_encoding_to_char(i) FROM generate_series(0, 34) i) e (name)"
    )
    compared = [name for (name,) in names if codec_of(name) not in ("ascii", "utf-8")]

    assert len(compared) > 20
    for name in compared:
        held = {row[0] for row in postgres.execute("SELECT held(%s)", (name,))}
        codec = codec_of(name)
        assert held == {code for code in range(128, 12001) if can_encode(chr(code), codec)}, name
