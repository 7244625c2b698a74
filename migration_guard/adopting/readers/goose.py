"""goose: files with ``-- +goose Up`` and ``-- +goose Down``, and a table with a row for each act.

Sources: goose, internal/sqlparser/parser.go, internal/dialects/postgres.go, migration.go
(NumericComponent).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import list_files, read_text
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    is_true,
    read_time,
)

_WAY_OUT: Final = "makesqlmigration --from database takes over what it made"


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the files in the order of their versions."""
    files = []
    for path in (*list_files(folder), *list_files(folder, "*.go")):
        digits, separator, name = path.stem.partition("_")
        if not separator or not digits.isdecimal():
            continue
        if path.suffix == ".go":
            if not path.stem.endswith("_test"):
                raise ForeignProblem(f"{path} is a migration in Go; {_WAY_OUT}.")
            continue
        files.append(_read_file(path, int(digits), name))
    return sorted(files, key=lambda file: file.number or 0)


def _read_file(path: Path, version: int, name: str) -> ForeignFile:
    lines: list[str] = []
    in_transaction = True
    has_down = False
    is_up = False
    for line in read_text(path).split("\n"):
        annotation = _annotation(line)
        if annotation == "UP":
            is_up = True
        elif annotation == "DOWN":
            is_up, has_down = False, True
        elif annotation == "NO TRANSACTION":
            in_transaction = False
        elif annotation == "ENVSUB ON":
            raise ForeignProblem(
                f"{path} takes variables from the environment (ENVSUB ON), which a migration of "
                f"ours cannot; {_WAY_OUT}."
            )
        elif annotation is None and (is_up or not (has_down or _is_statement(line))):
            lines.append(line)
    if not (is_up or has_down):
        raise ForeignProblem(f"{path} has no -- +goose Up.")
    return ForeignFile(
        str(version),
        version,
        name,
        "\n".join(lines).strip("\n"),
        path,
        in_transaction=in_transaction,
        down_parts=int(has_down),
    )


def _annotation(line: str) -> str | None:
    """Return what a line tells goose, in capitals; None for any other line."""
    if not line.strip().startswith("--") or "+goose" not in line:
        return None
    words = line.replace("--", "").replace("+goose", "", 1).split()
    return " ".join(words).upper()


def _is_statement(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("--")


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return the newest word on each version; goose's own first row has version 0."""
    last: dict[str, ForeignRow] = {}
    for row in sorted(rows, key=lambda row: int(row["id"])):
        version = str(int(row["version_id"]))
        if version == "0":
            continue
        last.pop(version, None)
        state = State.APPLIED if is_true(row["is_applied"]) else State.UNDONE
        last[version] = ForeignRow(version, state, read_time(version, row["tstamp"]))
    return [*last.values()]


TOOL: Final = ForeignTool("goose", "goose", read_files, read_rows)
