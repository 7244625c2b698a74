"""What a contract requires of the database beside its tables. Pure.

These are enums, extensions, absent tables and columns, applied migrations, and an exact list of
tables.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from migration_guard.conf import nearest
from migration_guard.contracts.causes import Causes
from migration_guard.contracts.contract import Contract
from migration_guard.contracts.declare import Clause, Enum, Extension, Migrations
from migration_guard.contracts.outcomes import Outcome, Requirement, Undecided, Violated
from migration_guard.planning.names import number_of
from migration_guard.planning.plan import Plan, Planned
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN, Snapshot

Judgement: TypeAlias = tuple[Requirement, Outcome]


def judge_enums(contract: Contract, snapshot: Snapshot, causes: Causes) -> Iterator[Judgement]:
    """Judge the enumerated types: that they exist, and their values."""
    for enum in contract.enums:
        actual = snapshot.enum(enum.name)
        existence = _judge_existence(snapshot, actual, "missing-enum", enum.name, causes)
        yield _requirement(f"enums::{enum.name}::exists", enum.name, enum), existence
        if enum.values is not None:
            outcome = _judge_values(enum, actual) if isinstance(actual, objects.Enum) else existence
            yield _requirement(f"enums::{enum.name}::values", enum.name, enum), outcome


def _judge_values(enum: Enum, actual: objects.Enum) -> Outcome:
    values = tuple(enum.values or ())
    if actual.values == values:
        return None
    return Violated(
        "wrong-enum",
        _list_labels(values),
        _list_labels(actual.values),
        f"ALTER TYPE {enum.name} ADD VALUE … in a migration, or correct the contract.",
    )


def _list_labels(labels: Iterable[str]) -> str:
    """Return labels for a person to read; odd ones stand in quotes."""
    texts = (text if _PLAIN_LABEL.fullmatch(text) else f"'{text}'" for text in labels)
    return ", ".join(texts) or "no label"


def judge_extensions(contract: Contract, snapshot: Snapshot, causes: Causes) -> Iterator[Judgement]:
    """Judge the extensions: that they are installed, and their versions."""
    for extension in contract.extensions:
        name = extension.name
        actual = snapshot.extension(name)
        existence = _judge_existence(snapshot, actual, "missing-extension", name, causes)
        yield _requirement(f"extensions::{name}::exists", name, extension), existence
        if extension.version is not None:
            outcome = existence
            if isinstance(actual, objects.Extension):
                outcome = _judge_version(extension, extension.version, actual)
            yield _requirement(f"extensions::{name}::version", name, extension), outcome


def _judge_existence(
    snapshot: Snapshot, actual: object, rule: str, name: str, causes: Causes
) -> Outcome:
    if actual is UNKNOWN:
        return Undecided(snapshot.why("", "enums", "extensions"))
    if snapshot.vendor != "postgresql":
        return Undecided(f"{snapshot.vendor} has none")
    if actual is None:
        return Violated(rule, name, "missing", causes.hint(name))
    return None


def _judge_version(extension: Extension, least: str, actual: objects.Extension) -> Outcome:
    if _version_key(actual.version) >= _version_key(least):
        return None
    hint = f"ALTER EXTENSION {extension.name} UPDATE;"
    return Violated("wrong-version", f"at least {least}", actual.version, hint)


def _version_key(version: str) -> list[tuple[int, str]]:
    return [(int(number or -1), word) for number, word in re.findall(r"(\d+)|([A-Za-z]+)", version)]


def judge_absences(contract: Contract, snapshot: Snapshot) -> Iterator[Judgement]:
    """Judge the tables and columns that must not exist."""
    for absent in contract.absent_tables:
        requirement = _requirement(f"{absent.name}::absent", "", absent, absent.name)
        actual = snapshot.table(absent.name)
        yield requirement, _judge_absence(snapshot, actual, "present-table", absent.name)
    for column in contract.absent_columns:
        requirement = _requirement(
            f"{column.table}::{column.name}::absent", column.name, column, column.table
        )
        table = snapshot.table(column.table)
        # A table that is absent, or unknown, says the same of its columns.
        within = table.column(column.name) if isinstance(table, objects.Table) else table
        yield requirement, _judge_absence(snapshot, within, "present-column", column.table)


def _judge_absence(snapshot: Snapshot, actual: object, rule: str, table: str) -> Outcome:
    if actual is UNKNOWN:
        return Undecided(snapshot.why(table, "columns"))
    if actual is None:
        return None
    return Violated(rule, "absent", "present", "Drop it in a migration, or correct the contract.")


def judge_migrations(contract: Contract, plan: Plan | None, no_plan: str) -> Iterator[Judgement]:
    """Judge the migrations that must be applied."""
    for clause in contract.migrations:
        if plan is None:
            reason = no_plan or "the history was not read"
            yield _applied_requirement(clause, clause.id), Undecided(reason)
        elif clause.numbers is None:
            namesakes = [m for m in plan.migrations if clause.id in _ids(m)]
            yield _applied_requirement(clause, clause.id), _judge_applied(clause, namesakes, plan)
        else:
            yield from _judge_range(clause, clause.numbers, plan)


def _judge_range(clause: Migrations, numbers: tuple[int, int], plan: Plan) -> Iterator[Judgement]:
    low, high = numbers
    inside = [m for m in plan.migrations if any(low <= n <= high for n in _numbers(m))]
    for migration in inside:
        yield _applied_requirement(clause, migration.id), _judge_applied(clause, [migration], plan)
    for number in sorted({low, high}.difference(*map(_numbers, inside))):
        yield _applied_requirement(clause, str(number)), _judge_applied(clause, [], plan)


def _ids(migration: Planned) -> tuple[str, ...]:
    """Return the id of a migration, and those of which its file says that they are it, too."""
    return migration.id, *(migration.file.former_ids if migration.file is not None else ())


def _numbers(migration: Planned) -> set[int]:
    former = {number_of(name) for name in _ids(migration)[1:]}
    return {migration.number, *(number for number in former if number is not None)}


def _applied_requirement(clause: Migrations, id_: str) -> Requirement:
    return _requirement(f"migrations::{id_}::applied", id_, clause)


def _judge_applied(clause: Migrations, candidates: list[Planned], plan: Plan) -> Outcome:
    """Judge whether any of the migrations that a clause names is applied."""
    if any(migration.row is not None for migration in candidates):
        return None
    if any(row.id == clause.id for migration in candidates for row in migration.former):
        return None
    if candidates:
        state = candidates[0].state.value.replace("_", " ")
        return Violated("not-applied", "applied", state, "manage.py runsqlmigrations")
    suggestion = nearest(clause.id, (migration.id for migration in plan.migrations))
    hint = (
        f'Did you mean "{suggestion}"?' if suggestion else "Correct the contract, or add the file."
    )
    return Violated("not-applied", "applied", "no such migration", hint)


def judge_exact(contract: Contract, snapshot: Snapshot) -> Iterator[Judgement]:
    """Judge that there are no other tables, where the contract lists all of them.

    Partitions, the tables of this app and those of extensions that are stated do not count.
    """
    if not contract.exact:
        return
    from django.apps import apps

    own = {model._meta.db_table for model in apps.get_app_config("migration_guard").get_models()}
    extensions = {extension.name for extension in contract.extensions}
    actual = (snapshot.table(name) for name in contract.names)
    listed = {table.label for table in actual if isinstance(table, objects.Table)}
    extra = [
        table.label
        for table in snapshot.tables
        if table.label not in listed
        and table.partition_of == ""
        and table.name not in own
        and table.extension not in extensions
    ]
    outcome = Violated("extra-table", "no other table", ", ".join(extra), _EXTRA) if extra else None
    yield Requirement("exact", "", "", contract.source), outcome


def _requirement(id_: str, object_: str, clause: Clause, table: str = "") -> Requirement:
    return Requirement(id_, table, object_, clause.source, clause.owner, clause.reason)


_PLAIN_LABEL: Final = re.compile(r"[^\s,'](?:[^,'\n]*[^\s,'])?")
_EXTRA: Final = "State it in the contract, or drop it in a migration."
