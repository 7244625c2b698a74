"""The layers of the design: where arrows may point, who may reach a database, and who may print."""

import ast
from pathlib import Path

import pytest

import migration_guard
from migration_guard.vendors import VENDORS

ROOT = Path(migration_guard.__file__).parent
FLOORS = {
    "sql": 1,
    "models": 1,
    "vendors": 1,
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
    "linter": 3,
    "adopting": 3,
    "squashing": 4,
    "usage": 3,
    "impact": 3,
    "one_off": 3,
    "schema_check": 4,
    "health": 4,
    "views": 5,
    "fresh": 4,
    "template_databases": 4,
    "management": 5,
    "admin": 5,
    "pytest_plugin": 5,
    "testing": 5,
    "checks": 5,
    "apps": 5,
}
# The comparing halves: facts in, answers out.
PURE_MODULES = (
    "contracts.assertions",
    "contracts.table_comparison",
    "schema.objects",
    "schema.diff.compare",
)
SCREEN = 50  # lines
THIN = 24  # of a command's handle, or of the answer that it is made of


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


def test_rules_when_read_import_no_other_rule():
    rules = {name for name in TREES if name.startswith("linter.rules.")}
    borrowed = [f"{name} -> {other}" for name in rules for other in ARROWS[name] & rules]

    assert rules
    assert borrowed == []


def imported(tree: ast.Module) -> set[str]:
    """Return every module that a module imports, at any depth."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize(
    ("packages", "forbidden"),
    [
        (("sql", "problems", "exceptions"), "django"),
        (("planning", "reports", "results", *PURE_MODULES), "django.db"),
    ],
)
def test_pure_packages_when_imported_know_no_connection(packages, forbidden):
    impure = [
        f"{name} -> {other}"
        for name, tree in TREES.items()
        if name.startswith(packages)
        for other in imported(tree)
        if f"{other}.".startswith(f"{forbidden}.")
    ]

    assert impure == []


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def lines(function: ast.FunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_functions_when_measured_fit_on_a_screen():
    long = {
        f"{name}.{function.name}": lines(function)
        for name, tree in TREES.items()
        for function in functions(tree)
        if lines(function) > SCREEN
    }

    assert long == {}


def test_handle_when_read_is_thin_and_the_base_has_the_only_one():
    thick = {
        f"{name}.{function.name}": lines(function)
        for name, tree in TREES.items()
        if name.startswith("management.")
        for function in functions(tree)
        if function.name in {"handle", "answer"} and lines(function) > THIN
    }
    handles = [
        name
        for name, tree in TREES.items()
        if any(function.name == "handle" for function in functions(tree))
    ]

    assert thick == {}
    assert handles == ["management.base"]


def test_standard_output_when_written_to_is_written_to_by_commands_alone():
    writers = [
        name
        for name, tree in TREES.items()
        if not name.startswith("management.")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"})
    ]

    assert writers == []


# Vendors

NAMES_OF_VENDORS = {*VENDORS, "mariadb"}
# Where a vendor's name is at home.
VENDOR_ROOMS = (
    *(f"running.{vendor}" for vendor in VENDORS),
    *(f"fresh.{vendor}" for vendor in VENDORS),
    *(f"template_databases.{vendor}" for vendor in VENDORS),
    "schema.readers",
    "sql.dialects",
    "vendors",
    "migrations",  # written once, for good
)
MOST_COMPARISONS = 25


def outside_vendor_rooms() -> list[tuple[str, ast.Module]]:
    return [
        (name, tree)
        for name, tree in TREES.items()
        if not any(f"{name}.".startswith(f"{room}.") for room in VENDOR_ROOMS)
    ]


def names_vendor(node: ast.AST) -> bool:
    return any(
        isinstance(part, ast.Constant) and part.value in NAMES_OF_VENDORS for part in ast.walk(node)
    )


def test_vendors_when_compared_by_name_are_so_in_few_places():
    comparisons = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in outside_vendor_rooms()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.match_case)
        and names_vendor(node.pattern if isinstance(node, ast.match_case) else node)
    ]

    assert len(comparisons) <= MOST_COMPARISONS, "\n".join(comparisons)


def test_tables_when_keyed_by_vendor_have_a_row_for_each():
    lacking = {}
    for name, tree in outside_vendor_rooms():
        for table in ast.walk(tree):
            if not isinstance(table, ast.Dict):
                continue
            keys = {key.value for key in table.keys if isinstance(key, ast.Constant)}
            missing = sorted(set(VENDORS) - keys)
            if missing and keys & set(VENDORS):
                lacking[f"{name}:{table.lineno}"] = missing

    assert lacking == {}
