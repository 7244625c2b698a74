"""graphile-migrate: committed files with a chain of hashes, and ``graphile_migrate.migrations``.

Source: graphile/migrate, migration.ts, hash.ts, header.ts and currentRunner.ts.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import (
    WAY_OUT,
    list_folder,
    read_source,
    read_text,
    refuse_none,
)
from migration_guard.adopting.tool import (
    ForeignFile,
    ForeignProblem,
    ForeignRow,
    ForeignTool,
    State,
    read_time,
)
from migration_guard.planning.names import MAX_DIGITS
from migration_guard.sql.statements import SQLError, split

_NAME: Final = re.compile(r"([0-9]+)(?:-([-_a-zA-Z0-9]*))?\.sql")
_HEADER: Final = re.compile(r"--! ([A-Z][a-zA-Z0-9_]*)(?::(.*))?")
_NO_TRANSACTION: Final = re.compile(r"--!\s*no-transaction\b")
_PLACEHOLDER: Final = re.compile(r"[\"']?(:[A-Z][0-9A-Z_]+)[\"']?\s*:")
_RESERVED: Final = (":DATABASE_NAME", ":DATABASE_OWNER")
_SETTINGS: Final = (".gmrc", ".gmrc.js", ".gmrc.cjs", ".gmrc.json", ".gmrc.json5")
# What JavaScript's trim() removes.
_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def read_files(folder: Path) -> list[ForeignFile]:
    """Return the committed migrations of ``migrations``. Raises ForeignProblem.

    The folder ``committed`` itself may be named too.
    """
    committed = folder if folder.name == "committed" else folder / "committed"
    if not committed.is_dir():
        refuse_none(folder, "graphile-migrate", "committed/000001.sql")
    _check_current(committed.parent)
    names = [(path, _NAME.fullmatch(path.name)) for path in list_folder(committed)]
    matches = [(path, match) for path, match in names if match is not None]
    if not matches:
        refuse_none(folder, "graphile-migrate", "committed/000001.sql")
    placeholders = _placeholders(committed.parent.parent)
    files: list[ForeignFile] = []
    for path, match in sorted(matches, key=lambda pair: f"{pair[1][1]}.sql"):
        previous = files[-1].checksum if files else ""
        files.append(_read(path, match, previous, placeholders))
    return files


def read_rows(rows: Sequence[Mapping[str, Any]], _keys: Sequence[str]) -> list[ForeignRow]:
    """Return each file as applied, with its hash."""
    return [
        ForeignRow(
            row["filename"], State.APPLIED, read_time(row["filename"], row["date"]), row["hash"]
        )
        for row in rows
    ]


def check_current_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise ForeignProblem if a database has run a migration that is not committed."""
    for row in rows:
        if _has_statement(row["content"]):
            raise ForeignProblem(
                f"graphile_migrate.current holds {row['filename']}, which ran here and is not "
                "committed. Run graphile-migrate commit, or empty the file and let "
                "graphile-migrate watch --once see it."
            )


def _check_current(folder: Path) -> None:
    current = folder / "current"
    paths = [folder / "current.sql"]
    if current.is_dir():
        paths = [path for path in list_folder(current) if path.suffix == ".sql"]
    for path in paths:
        if path.is_file() and _has_statement(read_text(path)):
            raise ForeignProblem(
                f"{path} holds a migration that is not committed. Run graphile-migrate commit, or "
                "empty the file."
            )


def _has_statement(text: str) -> bool:
    try:
        # `--!include` is a comment for everybody else.
        return "--!include" in text or bool(split(text, "postgresql"))
    except SQLError:
        return True


def _placeholders(folder: Path) -> tuple[str, ...]:
    """Return the words that graphile-migrate replaces, from its settings beside ``migrations``."""
    names = list(_RESERVED)
    for path in (folder / name for name in _SETTINGS):
        if path.is_file():
            names += _PLACEHOLDER.findall(read_text(path))
    return tuple(names)


def _read(
    path: Path, match: re.Match[str], previous: str, placeholders: Sequence[str]
) -> ForeignFile:
    # The hash is of the text with the byte order mark, which trim() removes as space.
    content, _ = read_source(path)
    headers, body = _split_headers(path, content.decode())
    _check_chain(path, headers, body, previous)
    words = "|".join(map(re.escape, placeholders))
    if placeholder := re.search(rf"(?:{words})\b", body):
        raise ForeignProblem(
            f"{path} has {placeholder[0]}, which graphile-migrate replaces in each database. "
            f"{WAY_OUT}."
        )
    runs_alone = _NO_TRANSACTION.match(body) is not None
    number = match[1]
    return ForeignFile(
        f"{number}.sql",
        int(number) if len(number) <= MAX_DIGITS else None,
        match[2] or "",
        body.partition("\n")[2] if runs_alone else body,
        path,
        headers["Hash"],
        in_transaction=not runs_alone,
    )


def _split_headers(path: Path, text: str) -> tuple[dict[str, str], str]:
    lines = text.split("\n")
    headers: dict[str, str] = {}
    for key, value in _headers(lines):
        if key in headers:
            raise ForeignProblem(f"{path} has the header {key} twice.")
        headers[key] = value
    rest = lines[len(headers) :]
    if rest[:1] != [""]:
        hint = " Its line ends are CRLF; restore LF." if rest[:1] == ["\r"] else ""
        raise ForeignProblem(f"{path} has no blank line below its header.{hint}")
    for key in ("Previous", "Hash"):
        if not headers.get(key):
            raise ForeignProblem(
                f"{path} has no line --! {key}, so graphile-migrate did not commit it."
            )
    return headers, "\n".join(rest).strip(_SPACE) + "\n"


def _headers(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            return
        yield match[1], (match[2] or "").strip(_SPACE)


def _check_chain(path: Path, headers: Mapping[str, str], body: str, previous: str) -> None:
    if headers["Previous"] != (previous or "-"):
        raise ForeignProblem(
            f"{path} follows {headers['Previous']}, but the file before it is {previous or 'none'}."
        )
    hashed = f"{previous}\n{body.strip(_SPACE)}".strip(_SPACE) + "\n"
    digest = f"sha1:{hashlib.sha1(hashed.encode(), usedforsecurity=False).hexdigest()}"
    if digest != headers["Hash"] and "AllowInvalidHash" not in headers:
        raise ForeignProblem(
            f"{path} was edited after it was committed: its hash is {digest}, its header says "
            f"{headers['Hash']}. Restore the file as it was committed."
        )


TOOL: Final = ForeignTool(
    "graphile-migrate",
    "graphile-migrate",
    read_files,
    read_rows,
    side_table="graphile_migrate.current",
    check_side_rows=check_current_rows,
)
