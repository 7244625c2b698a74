"""Checks, foreign keys and exclusions of a contract against those of the database. Pure."""

from migration_guard.contracts.declare import Check, Exclusion, ForeignKey
from migration_guard.contracts.outcomes import Broken, Finding, Untold, either
from migration_guard.contracts.table_context import Scene
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN


def check(scene: Scene, stated: Check) -> Finding:
    """Judge a check: by its name, by its expression, or by both."""
    checks = scene.table.checks
    if checks is UNKNOWN:
        return scene.untold("checks")
    if stated.name:
        named = scene.table.check(stated.name)
        if not isinstance(named, objects.Check):
            return Broken("missing-check", _shown(stated), _all(checks))
        return _expression(scene, stated, named) or _validated(scene, stated, named)
    alike = [(one, _expression(scene, stated, one)) for one in checks]
    matching = [one for one, finding in alike if finding is None]
    if matching:
        return either(
            (_validated(scene, stated, one) for one in matching),
            lambda: _validated(scene, stated, matching[0]),
        )
    return either(
        (finding for _, finding in alike),
        lambda: Broken("missing-check", _shown(stated), _all(checks)),
    )


def _expression(scene: Scene, stated: Check, actual: objects.Check) -> Finding:
    if stated.expression is None:
        return None
    same = scene.same("check", stated.expression, actual.expression)
    if isinstance(same, Untold) or same:
        return same if isinstance(same, Untold) else None
    return Broken("wrong-check", stated.expression, str(actual.expression), _CHANGE)


def _validated(
    scene: Scene, stated: Check | ForeignKey, actual: objects.Check | objects.ForeignKey
) -> Finding:
    if not stated.valid:
        return None
    if actual.validated is UNKNOWN:
        return scene.untold("checks", "foreign_keys")
    if actual.validated:
        return None
    return Broken(
        "not-valid",
        "valid for all rows",
        f"{actual.name} is NOT VALID",
        f"ALTER TABLE … VALIDATE CONSTRAINT {actual.name}: rows from before it may break it.",
    )


def foreign_key(scene: Scene, stated: ForeignKey) -> Finding:
    """Judge a foreign key."""
    keys = scene.table.foreign_keys
    if keys is UNKNOWN:
        return scene.untold("foreign_keys")
    columns = sorted(stated.columns)
    over = [one for one in keys if scene.same_names(tuple(sorted(one.columns)), tuple(columns))]
    if not over:
        found = "; ".join(_shown_key(one) for one in keys)
        return Broken("missing-foreign-key", _stated_key(stated), found or "no foreign key")
    return either(
        (_is_foreign_key(scene, stated, one) for one in over),
        lambda: _first_broken(scene, stated, over),
    )


def _first_broken(scene: Scene, stated: ForeignKey, over: list[objects.ForeignKey]) -> Finding:
    broken = [_is_foreign_key(scene, stated, one) for one in over]
    # One that is merely not validated says more than one that points elsewhere.
    return min(broken, key=lambda one: not (isinstance(one, Broken) and one.rule == "not-valid"))


def _is_foreign_key(scene: Scene, stated: ForeignKey, actual: objects.ForeignKey) -> Finding:
    wrong = Broken("wrong-foreign-key", _stated_key(stated), _shown_key(actual), _CHANGE)
    same = _same_target(scene, stated, actual)
    if same is not True:
        return same or wrong
    for key in ("on_delete", "on_update", "deferrable"):
        expected, found = getattr(stated, key), getattr(actual, key)
        if expected is None:
            continue
        if found is UNKNOWN:
            return scene.untold("foreign_keys")
        if _action(scene, expected) != _action(scene, found):
            return wrong
    return _validated(scene, stated, actual)


def _same_target(scene: Scene, stated: ForeignKey, actual: objects.ForeignKey) -> bool | Untold:
    name, columns = stated.target
    target = scene.snapshot.table(name)
    table = target if isinstance(target, objects.Table) else None
    label = table.label if table is not None else name
    if actual.target != label and not (
        scene.snapshot.folds_case and actual.target.casefold() == label.casefold()
    ):
        return False
    if not columns and table is not None and isinstance(table.primary_key, objects.Key):
        columns = table.primary_key.columns
    if not columns:
        return True
    if actual.target_columns is UNKNOWN:
        return scene.untold("foreign_keys")
    if len(columns) != len(stated.columns) or len(columns) != len(actual.columns):
        return False
    # Which column points to which counts, their order does not.
    wanted = sorted(zip(stated.columns, columns, strict=True))
    found = sorted(zip(actual.columns, actual.target_columns, strict=True))
    return all(scene.same_names(one, other) for one, other in zip(wanted, found, strict=True))


def _action(scene: Scene, action: str) -> str:
    """InnoDB does for both words the same."""
    return "no action" if scene.vendor == "mysql" and action == "restrict" else action


def exclusion(scene: Scene, stated: Exclusion) -> Finding:
    """Judge an exclusion constraint: by its definition where one is stated, else by its name."""
    exclusions = scene.table.exclusions
    if exclusions is UNKNOWN:
        return scene.untold("exclusions")
    missing = Broken(
        "missing-exclusion",
        stated.definition or stated.name,
        "; ".join(f"{one.name} {one.definition}" for one in exclusions) or "no exclusion",
    )
    if stated.name:
        exclusions = tuple(one for one in exclusions if one.name == stated.name)
    if stated.definition is None:
        return None if exclusions else missing
    return either((_is_exclusion(scene, stated, one) for one in exclusions), lambda: missing)


def _is_exclusion(scene: Scene, stated: Exclusion, actual: objects.Exclusion) -> Finding:
    same = scene.same("exclusion", str(stated.definition), actual.definition)
    if same is True:
        return None
    return same or Broken("wrong-exclusion", str(stated.definition), str(actual.definition))


def describe(stated: Check | Exclusion) -> str:
    """Return the constraint as an assertion's id names it."""
    text = stated.expression if isinstance(stated, Check) else stated.definition
    return f"({stated.name or text})"


def _shown(stated: Check) -> str:
    return " ".join(
        filter(None, [stated.name, stated.expression and f"CHECK ({stated.expression})"])
    )


def _all(checks: tuple[objects.Check, ...]) -> str:
    return "; ".join(one.name or f"CHECK ({one.expression})" for one in checks) or "no check"


def _stated_key(stated: ForeignKey) -> str:
    words = [f"({', '.join(stated.columns)}) references {stated.references}"]
    if stated.on_delete is not None:
        words.append(f"on delete {stated.on_delete}")
    if stated.on_update is not None:
        words.append(f"on update {stated.on_update}")
    if stated.deferrable:
        words.append(f"deferrable {stated.deferrable}")
    return " ".join(words)


def _shown_key(actual: objects.ForeignKey) -> str:
    columns = actual.target_columns
    target = f"{actual.target}({'?' if columns is UNKNOWN else ', '.join(columns)})"
    words = [f"({', '.join(actual.columns)}) references {target}"]
    for name, fact in (("on delete", actual.on_delete), ("on update", actual.on_update)):
        if isinstance(fact, str) and (fact != "no action" or name == "on delete"):
            words.append(f"{name} {fact}")
    if isinstance(actual.deferrable, str) and actual.deferrable:
        words.append(f"deferrable {actual.deferrable}")
    if actual.validated is False:
        words.append("NOT VALID")
    return " ".join(words)


_CHANGE = (
    "Write a migration that drops the constraint and adds it as stated "
    "(manage.py makesqlmigration)."
)
