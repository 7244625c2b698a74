"""Checked contracts of every outcome, for the tests of the reports."""

from migration_guard.exceptions import CannotTell
from migration_guard.problems import Violation
from migration_guard.results import Assertion, Checked, Examination, Verdict

MISSING = Violation(
    "missing-column",
    "user_profiles",
    "relationship_type",
    "varchar(40)",
    "no such column",
    "schema_contract.toml:12",
    "0027_preferences adds it and is pending.\nRun manage.py runsqlmigrations.",
    "recommendations",
    "the nightly export joins on it, 100%",
)
OF_MODEL = Violation(
    "wrong-type", "user_profiles", "bio", "text", "varchar(10)", "project.UserProfile.bio"
)


def assertion(id_, verdict=Verdict.KEPT, violation=None, unknown="", source=""):
    table, _, rest = id_.partition("::")
    object_ = rest.rpartition("::")[0]
    return Assertion(id_, table, object_, source, verdict, violation, unknown)


KEPT = assertion("users::exists", source="schema_contract.toml:3")
VIOLATED = (
    assertion("user_profiles::relationship_type::exists", Verdict.VIOLATED, MISSING),
    assertion("user_profiles::relationship_type::type", Verdict.VIOLATED, MISSING),
    assertion("user_profiles::bio::type", Verdict.VIOLATED, OF_MODEL, source=OF_MODEL.source),
)
UNKNOWN = assertion(
    "secrets::exists",
    Verdict.UNKNOWN,
    unknown="permission denied",
    source="schema_contract.toml:30",
)


def checked(*assertions, **more):
    examination = Examination("default", "postgresql", assertions, 0.125)
    return Checked("default", "postgresql", examination, **more)


ALL_KEPT = checked(KEPT)
BROKEN = checked(KEPT, *VIOLATED, UNKNOWN)
NOT_TOLD = checked(KEPT, UNKNOWN)
ALLOWED = checked(KEPT, UNKNOWN, allow_unknown=True)
OF_CODE = checked(assertion("users::exists", Verdict.UNKNOWN, unknown="permission denied"))
WARNED = checked(
    assertion("users::until", source="schema_contract.toml:3")._replace(
        owner="export", warning="the clause is to be settled by 2027-03-31, in 12 days (UTC)"
    )
)
FAILED = Checked("default", error=CannotTell("No connection.", "Start the server."))
EVERY = {
    "kept": ALL_KEPT,
    "broken": BROKEN,
    "not-told": NOT_TOLD,
    "allowed": ALLOWED,
    "warned": WARNED,
    "of-code": OF_CODE,
    "failed": FAILED,
}
