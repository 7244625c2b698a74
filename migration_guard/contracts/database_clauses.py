"""What a contract says beside tables: enums, extensions, absences, migrations. Pure judgements."""

import re
from collections.abc import Iterator

from migration_guard.conf import nearest
from migration_guard.contracts.causes import Trail
from migration_guard.contracts.contract import Contract
from migration_guard.contracts.declare import Clause, Enum, Extension, Migrations
from migration_guard.contracts.outcomes import Broken, Finding, Said, Untold
from migration_guard.planning.plan import Plan, Planned
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN, Snapshot

Judged = tuple[Said, Finding]


def enums(contract: Contract, snapshot: Snapshot, trail: Trail) -> Iterator[Judged]:
    """Judge the enumerated types."""
    for enum in contract.enums:
        actual = snapshot.enum(enum.name)
        exists = _said(f"enums::{enum.name}::exists", enum.name, enum)
        finding = _exists(snapshot, actual, "missing-enum", enum.name, trail)
        yield exists, finding
        if enum.values is not None:
            said = _said(f"enums::{enum.name}::values", enum.name, enum)
            yield said, _values(enum, actual) if isinstance(actual, objects.Enum) else finding


def _values(enum: Enum, actual: objects.Enum) -> Finding:
    stated = tuple(enum.values or ())
    if actual.values == stated:
        return None
    return Broken(
        "wrong-enum",
        ", ".join(stated),
        ", ".join(actual.values),
        f"ALTER TYPE {enum.name} ADD VALUE … in a migration, or correct the contract.",
    )


def extensions(contract: Contract, snapshot: Snapshot, trail: Trail) -> Iterator[Judged]:
    """Judge the extensions."""
    for extension in contract.extensions:
        name = extension.name
        actual = snapshot.extension(name)
        exists = _said(f"extensions::{name}::exists", name, extension)
        finding = _exists(snapshot, actual, "missing-extension", name, trail)
        yield exists, finding
        if extension.version is not None:
            said = _said(f"extensions::{name}::version", name, extension)
            found = isinstance(actual, objects.Extension)
            yield said, _version(extension, actual) if found else finding


def _version(extension: Extension, actual: objects.Fact[objects.Extension | None]) -> Finding:
    found = actual.version if isinstance(actual, objects.Extension) else ""
    wanted = str(extension.version)
    if _ordered(found) >= _ordered(wanted):
        return None
    hint = f"ALTER EXTENSION {extension.name} UPDATE;"
    return Broken("wrong-version", f"at least {wanted}", found, hint)


def _ordered(version: str) -> list[tuple[int, str]]:
    return [(int(number or -1), word) for number, word in re.findall(r"(\d+)|([A-Za-z]+)", version)]


def absences(contract: Contract, snapshot: Snapshot) -> Iterator[Judged]:
    """Judge what must not be there."""
    for table in contract.absent_tables:
        actual = snapshot.table(table.name)
        said = _said(f"{table.name}::absent", "", table, table.name)
        yield said, _absent(snapshot, actual, "present-table", table.name)
    for column in contract.absent_columns:
        said = _said(f"{column.table}::{column.name}::absent", column.name, column, column.table)
        inside = snapshot.table(column.table)
        within = inside.column(column.name) if isinstance(inside, objects.Table) else inside
        yield said, _absent(snapshot, within, "present-column", column.table)


def _absent(snapshot: Snapshot, actual: object, rule: str, table: str) -> Finding:
    if actual is UNKNOWN:
        return Untold(snapshot.why(table, "columns"))
    if actual is None:
        return None
    return Broken(rule, "absent", "present", "Drop it in a migration, or correct the contract.")


def migrations(contract: Contract, plan: Plan | None, no_plan: str) -> Iterator[Judged]:
    """Judge what must be applied."""
    for clause in contract.migrations:
        if plan is None:
            why = no_plan or "the history was not read"
            yield _applied(clause, clause.id), Untold(why)
        elif clause.numbers is None:
            named = [one for one in plan.migrations if one.id == clause.id]
            yield _applied(clause, clause.id), _is_applied(clause, named, plan)
        else:
            yield from _range(clause, clause.numbers, plan)


def _range(clause: Migrations, numbers: tuple[int, int], plan: Plan) -> Iterator[Judged]:
    low, high = numbers
    inside = [one for one in plan.migrations if low <= one.number <= high]
    for one in inside:
        yield _applied(clause, one.id), _is_applied(clause, [one], plan)
    for number in sorted({low, high} - {one.number for one in inside}):
        yield _applied(clause, str(number)), _is_applied(clause, [], plan)


def _is_applied(clause: Migrations, found: list[Planned], plan: Plan) -> Finding:
    if any(one.row is not None for one in found):
        return None
    if found:
        state = found[0].state.value.replace("_", " ")
        return Broken("not-applied", "applied", state, "manage.py runsqlmigrations")
    near = nearest(clause.id, (one.id for one in plan.migrations))
    hint = f'Did you mean "{near}"?' if near else "Correct the contract, or add the file."
    return Broken("not-applied", "applied", "no such migration", hint)


def unlisted(contract: Contract, snapshot: Snapshot) -> Iterator[Judged]:
    """Judge whether there are tables beside those stated, where the contract lists them all."""
    if not contract.exact:
        return
    from django.apps import apps

    own = {model._meta.db_table for model in apps.get_app_config("migration_guard").get_models()}
    found = (snapshot.table(name) for name in contract.names)
    stated = {one.label for one in found if isinstance(one, objects.Table)}
    extra = [
        one.label
        for one in snapshot.tables
        if one.label not in stated and one.partition_of == "" and one.name not in own
    ]
    said = Said("exact", "", "", contract.source)
    hint = "State it in the contract, or drop it in a migration."
    yield said, Broken("extra-table", "no other table", ", ".join(extra), hint) if extra else None


def _applied(clause: Migrations, id_: str) -> Said:
    return _said(f"migrations::{id_}::applied", id_, clause)


def _said(id_: str, object_: str, clause: Clause, table: str = "") -> Said:
    return Said(id_, table, object_, clause.source, clause.owner, clause.reason)


def _exists(snapshot: Snapshot, actual: object, rule: str, name: str, trail: Trail) -> Finding:
    if actual is UNKNOWN:
        return Untold(snapshot.why("", "enums", "extensions"))
    if snapshot.vendor != "postgresql":
        return Untold(f"{snapshot.vendor} has none")
    if actual is None:
        return Broken(rule, name, "missing", trail.of(name))
    return None
