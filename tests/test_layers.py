"""The floors of the design: every import points down or stays on its floor, and none runs round."""

import ast
from pathlib import Path

import migration_guard

ROOT = Path(migration_guard.__file__).parent
FLOORS = {
    "sql": 1,
    "models": 1,
    "problems": 1,
    "exceptions": 1,
    "migrations": 1,
    "planning": 2,
    "schema": 2,
    "history": 2,
    "results": 2,
    "reports": 2,
    "conf": 2,
    "contracts": 3,
    "running": 3,
    "operations": 3,
    "rules": 3,
    "checking": 4,
    "fresh": 4,
    "management": 5,
    "admin": 5,
    "pytest_plugin": 5,
    "testing": 5,
    "checks": 5,
    "apps": 5,
}
PURE = ("sql", "planning")


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = ast.parse(path.read_text())
    return found


def imports(tree: ast.Module, known: set[str]) -> set[str]:
    """Return the app's own modules that a module imports, at any depth."""
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        own = [
            n.removeprefix("migration_guard.") for n in names if n.startswith("migration_guard.")
        ]
        exact = [name for name in own if name in known]
        # `from package import module` names the package too: the module is what is meant.
        found |= {name for name in exact if not any(o.startswith(f"{name}.") for o in exact)}
    return found


TREES = modules()
ARROWS = {name: imports(tree, set(TREES)) for name, tree in TREES.items()}


def floor(name: str) -> int:
    return FLOORS[name.partition(".")[0]]


def test_floors_when_a_module_is_added_has_a_place_for_it():
    assert {name.partition(".")[0] for name in TREES} <= set(FLOORS)


def test_arrows_when_modules_import_each_other_point_down():
    upward = [
        f"{name} -> {other}"
        for name, others in ARROWS.items()
        for other in others
        if floor(other) > floor(name)
    ]

    assert upward == []


def test_arrows_when_followed_never_come_back():
    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name in done:
            return
        for other in ARROWS[name]:
            walk(other, (*path, name))
        done.add(name)

    done: set[str] = set()
    for name in ARROWS:
        walk(name, ())


def test_pure_packages_when_imported_know_no_connection():
    impure = [
        name
        for name, tree in TREES.items()
        if name.startswith(PURE)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.db")
    ]

    assert impure == []
