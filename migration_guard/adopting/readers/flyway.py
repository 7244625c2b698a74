"""Flyway: files such as ``V1_2__name.sql`` or ``R__name.sql``, and a table of acts.

Sources: Flyway, internal/resolver/ChecksumCalculator.java, api/MigrationVersion.java,
internal/info/MigrationInfoServiceImpl.java, internal/parser/PlaceholderReplacingReader.java.
"""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any, Final, NamedTuple

from migration_guard.adopting.readers.flyway_settings import FlywaySettings, read_settings
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

_NAME: Final = re.compile(r"(?:([VBU])([0-9][0-9._]*)|R)__(.*)(?i:\.sql)")
_CALLBACK: Final = re.compile(r"(?:before|after|createSchema)[A-Za-z]*(?:__.*)?\.sql")
# What only its own row may say: Flyway's table and schemas, which no file makes.
_OF_FLYWAY: Final = frozenset(("SCHEMA", "TABLE"))
_CODE: Final = frozenset(("JDBC", "SPRING_JDBC", "SCRIPT", "CUSTOM", "JDBC_BASELINE"))


class _Name(NamedTuple):
    path: Path
    kind: str
    version: str
    description: str


def read_files(folder: Path) -> list[ForeignFile]:
    """Return what Flyway would run, in its order: the versions, then the repeatable ones.

    A baseline file stands for the versions that are not there; beside these it is left out.
    """
    names = _read_names(folder)
    settings = read_settings(folder)
    undone = {_order(name.version) for name in names if name.kind == "U"}
    baseline = _baseline_of(names)
    versioned = [name for name in names if name.kind == "V" or name is baseline]
    versioned.sort(key=lambda name: _order(name.version))
    repeatable = sorted((name for name in names if name.kind == "R"), key=_description)
    return [
        _read_file(name, settings, int(_order(name.version) in undone))
        for name in (*versioned, *repeatable)
    ]


def describe_rest(folder: Path) -> list[str]:
    """Return what is left out of a folder, and which placeholders were replaced."""
    names = _read_names(folder)
    chosen = _baseline_of(names)
    baselines = [name.path.name for name in names if name.kind == "B" and name is not chosen]
    callbacks = [
        path.name for path in list_files(folder, "**/*.sql") if _CALLBACK.fullmatch(path.name)
    ]
    used = read_settings(folder).used_placeholders(read_text(name.path) for name in names)
    notes = [
        ("Left out, because the versions that it replaces are here", baselines),
        ("Left out, since nothing here runs it at each migration: callback", callbacks),
        ("Written into the files with its value now: placeholder", used),
    ]
    return [f"{text}: {', '.join(listed)}." for text, listed in notes if listed]


def read_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[ForeignRow]:
    """Return the last word on each migration, in the order of ranks."""
    last: dict[str, ForeignRow] = {}
    baseline: tuple[int, ...] = ()
    for row in sorted(rows, key=lambda row: int(row["installed_rank"])):
        kind = str(row["type"])
        if kind in _OF_FLYWAY:
            continue
        key = _key_of_row(row, kind)
        if kind == "BASELINE" or kind.endswith("_BASELINE"):
            baseline = max(baseline, _order(str(row["version"])))
        if kind == "BASELINE":
            continue
        last.pop(key, None)
        last[key] = _last_word(key, row, kind)
        if kind in _CODE and last[key].state is State.APPLIED:
            raise ForeignProblem(
                f'"{row["script"]}" is not SQL ({kind}); makesqlmigration --from database takes '
                "over what it made."
            )
    return _with_baselines(last, baseline, keys)


def _last_word(key: str, row: Mapping[str, Any], kind: str) -> ForeignRow:
    state = State.APPLIED
    if not is_true(row["success"]):
        state = State.FAILED
    elif kind == "DELETE" or kind.startswith("UNDO"):
        state = State.UNDONE
    checksum = "" if row["checksum"] is None else str(int(row["checksum"]))
    return ForeignRow(key, state, read_time(key, row["installed_on"]), checksum)


def _with_baselines(
    last: dict[str, ForeignRow], baseline: tuple[int, ...], keys: Sequence[str]
) -> list[ForeignRow]:
    """Add what counts as applied without a row, and drop what a baseline file stands for."""
    text = ".".join(map(str, baseline))
    below = [
        ForeignRow(key, State.APPLIED, believed=f"below Flyway's baseline {text}")
        for key in keys
        if key not in last and not key.startswith("R") and _order(key.strip("B")) <= baseline
    ]
    applied = [_order(key) for key, row in last.items() if key[0] not in "RB" and _is_applied(row)]
    first = next((key for key in keys if key.startswith("B")), None)
    if first is None:
        return [*below, *last.values()]
    start = _order(first[1:])
    if first not in last and max(applied, default=()) >= start and not below:
        reason = f"its versions up to {first[1:]} are applied"
        below = [ForeignRow(first, State.APPLIED, believed=reason)]
    kept = [row for key, row in last.items() if key[0] in "RB" or _order(key) > start]
    return [*below, *kept]


def _is_applied(row: ForeignRow) -> bool:
    return row.state is State.APPLIED


def _key_of_row(row: Mapping[str, Any], kind: str) -> str:
    if row["version"] is None:
        return f"R__{row['description']}"
    prefix = "B" if kind.endswith("_BASELINE") else ""
    return prefix + _canonical(str(row["version"]))


def _read_names(folder: Path) -> list[_Name]:
    names = []
    for path in list_files(folder, "**/*"):
        match = _NAME.fullmatch(path.name)
        if match is not None and path.is_file():
            kind, version, description = match.groups()
            names.append(_Name(path, kind or "R", version or "", description.replace("_", " ")))
    return names


def _baseline_of(names: Iterable[_Name]) -> _Name | None:
    """Return the baseline file that runs in a new database, if no version below it is there."""
    baselines = [name for name in names if name.kind == "B"]
    newest = max(baselines, key=lambda name: _order(name.version), default=None)
    versions = [_order(name.version) for name in names if name.kind == "V"]
    if newest is None or any(version <= _order(newest.version) for version in versions):
        return None
    return newest


def _read_file(name: _Name, settings: FlywaySettings, down_parts: int) -> ForeignFile:
    raw = read_text(name.path)
    script = settings.of_script(name.path)
    text = script.replace_placeholders(raw, name.path)
    is_repeatable = name.kind == "R"
    checksums = (
        dict.fromkeys((_checksum(text), _checksum(raw))) if is_repeatable else [_checksum(raw)]
    )
    order = _order(name.version)
    key = f"R__{name.description}" if is_repeatable else _canonical(name.version)
    return ForeignFile(
        f"B{key}" if name.kind == "B" else key,
        order[0] if len(order) == 1 and not is_repeatable else None,
        name.description,
        text,
        name.path,
        " ".join(checksums),
        script.in_transaction,
        down_parts,
    )


def _description(name: _Name) -> str:
    return name.description


def _order(version: str) -> tuple[int, ...]:
    """Return the parts of a version as Flyway compares them: 1.0 is 1."""
    parts = [int(part) for part in re.split(r"[._]", version) if part]
    return tuple(reversed([*dropwhile(lambda part: part == 0, reversed(parts))])) or (0,)


def _canonical(version: str) -> str:
    return ".".join(map(str, _order(version)))


def _checksum(text: str) -> str:
    """Return the signed CRC-32 of the lines without their ends."""
    crc = zlib.crc32(text.replace("\r", "").replace("\n", "").encode())
    return str(crc - (1 << 32) if crc >= 1 << 31 else crc)


TOOL: Final = ForeignTool("flyway", "Flyway", read_files, read_rows, describe_rest=describe_rest)
