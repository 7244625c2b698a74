"""row-security-off: a table's row-level security ends, or a role is freed of it."""

from collections.abc import Iterator

from migration_guard.linter.danger.walk import Step
from migration_guard.linter.needs import POSTGRESQL
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity

SLUG = "row-security-off"
SEVERITY = Severity.WARNING
NEEDS = POSTGRESQL

_FAULTS = {
    "DISABLE": "from now on each role that may read the table reads all rows",
    "NO": "from now on the table's owner, usually the application itself, reads all rows",
}


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each table whose row security is off at the end of its file."""
    off: dict[tuple[str, bool], Problem] = {}
    file_id = ""
    for step in source.walk.steps({"SECURITY", "BYPASSRLS"}):
        if step.file.id != file_id:
            yield from off.values()
            off, file_id = {}, step.file.id
        if step.part.words[:2] in (["ALTER", "ROLE"], ["CREATE", "ROLE"], ["ALTER", "USER"]):
            if "BYPASSRLS" in step.part.words:
                fault = "this role reads all rows, whatever the policies say"
                yield _problem(source, step, fault)
            continue
        ddl = step.ddl
        if ddl is None or ddl.kind != "TABLE" or not ddl.names or ddl.verb != "ALTER":
            continue
        for verb, *rest in step.part.clause_words:
            if rest[-3:] != ["ROW", "LEVEL", "SECURITY"]:
                continue
            key = (str(step.tables.full(ddl.names[0])), "FORCE" in (verb, *rest))
            if verb in _FAULTS and not step.tables.is_fresh(ddl.names[0]):
                off[key] = _problem(source, step, _FAULTS[verb])
            else:
                off.pop(key, None)
    yield from off.values()


def _problem(source: Source, step: Step, fault: str) -> Problem:
    return source.problem(
        SLUG,
        SEVERITY,
        step.file,
        step.part.offset,
        f"{step.excerpt}: {fault}",
        "Keep it on and change the policies. If you mean it: "
        "-- guard: allow = row-security-off, <reason>.",
    )
