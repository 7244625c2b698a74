"""The SQL that is measured: migrations, schemas and long files, the same for every contestant."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

COLUMNS = 20


def migration(number: int) -> str:
    """Return one small migration: a table, an index, an alter and an update."""
    table = f"t{number:05}"
    return (
        f"CREATE TABLE {table} (\n"
        "    id bigint PRIMARY KEY,\n"
        "    name varchar(100) NOT NULL,\n"
        "    created_at timestamp\n"
        ");\n"
        f"CREATE INDEX {table}_name ON {table} (name);\n"
        f"ALTER TABLE {table} ADD COLUMN price numeric(10, 2);\n"
        f"UPDATE {table} SET price = 0 WHERE price IS NULL;\n"
    )


def migration_id(number: int) -> str:
    """Return the id of a migration."""
    return f"{number:05}_table_{number:05}"


def write_migrations(folder: Path, count: int, head: str = "", tail: str = "") -> None:
    """Write `count` migrations, each between what a tool wants before and after it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        text = head + migration(number) + tail
        (folder / f"{migration_id(number)}.sql").write_text(text, encoding="utf-8")


def schema(tables: int, vendor: str) -> Iterator[str]:
    """Yield the statements of a schema: tables of 20 columns with keys, indexes and checks."""
    key = "integer" if vendor == "sqlite" else "bigint"
    for number in range(1, tables + 1):
        table = f"s{number:04}"
        columns = [f"id {key} NOT NULL PRIMARY KEY", f"parent_id {key}", "code varchar(20) UNIQUE"]
        columns += [f"amount{n} numeric(12, 2) NOT NULL DEFAULT 0" for n in range(5)]
        columns += [f"label{n} varchar(100) NOT NULL" for n in range(COLUMNS - 8)]
        columns += [f"CONSTRAINT {table}_amount CHECK (amount0 >= 0)"]
        if number > 1:
            parent = f"FOREIGN KEY (parent_id) REFERENCES s{number - 1:04} (id)"
            columns.append(f"CONSTRAINT {table}_parent {parent}")
        yield f"CREATE TABLE {table} ({', '.join(columns)})"
        yield f"CREATE INDEX {table}_label ON {table} (label0, label1)"


def inserts(number: int) -> str:
    """Return one INSERT of one row."""
    return (
        "INSERT INTO users (id, name, email, created_at) VALUES "
        f"({number}, 'O''Brien {number}', 'user{number}@example.com', now());\n"
    )


def wide_inserts(number: int) -> str:
    """Return one INSERT of 20 rows."""
    rows = (f"({number}, 'it''s name {row}', 'user{row}@example.com')" for row in range(20))
    return "INSERT INTO users (id, name, email) VALUES\n" + ",\n".join(rows) + ";\n"


def dollar_functions(number: int) -> str:
    """Return one PL/pgSQL function with a quoted body."""
    return (
        f"CREATE FUNCTION f{number}(a int, b text) RETURNS int LANGUAGE plpgsql AS $$\n"
        "DECLARE x int := 0;\nBEGIN\n  -- adds; up\n  FOR i IN 1..10 LOOP\n    x := x + i;\n"
        "    PERFORM 'it''s';\n  END LOOP;\n  RETURN x;\nEND;\n$$;\n\n"
    )


def atomic_functions(number: int) -> str:
    """Return one SQL function with a BEGIN ATOMIC body."""
    return (
        f"CREATE FUNCTION f{number}(a int, b text) RETURNS int LANGUAGE sql\nBEGIN ATOMIC\n"
        "  INSERT INTO log (a, b) VALUES (a, 'it''s');\n"
        f"  UPDATE t SET x = CASE WHEN a > 1 THEN 1 ELSE 2 END WHERE id = {number};\n"
        f"  SELECT count(*) FROM t WHERE a = f{number}.a; -- done\nEND;\n\n"
    )


def triggers(number: int) -> str:
    """Return one of SQLite's triggers."""
    return (
        f"CREATE TRIGGER tr{number} AFTER INSERT ON t FOR EACH ROW BEGIN\n"
        "  INSERT INTO log (a, b) VALUES (new.a, 'it''s');\n"
        f"  UPDATE t SET x = CASE WHEN new.a > 1 THEN 1 ELSE 2 END WHERE id = {number};\n"
        "  SELECT count(*) FROM t WHERE a = new.a; -- done\nEND;\n\n"
    )


def fill(one: Callable[[int], str], size: int) -> Iterator[str]:
    """Yield pieces until they have `size` characters."""
    number = done = 0
    while done < size:
        number += 1
        piece = one(number)
        done += len(piece)
        yield piece


def write(path: Path, pieces: Iterable[str], head: str = "", tail: str = "") -> int:
    """Write pieces to a file without holding them all; return how many there were."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for piece in pieces:
            count += 1
            file.write(piece)
        file.write(tail)
    return count
