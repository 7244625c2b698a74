"""The options of contracts, and the names that hooks and tests share."""

from typing import Final

import pytest

OPTION: Final = "--schema-contract"
INI: Final = "schema_contract"
ALLOW_UNKNOWN: Final = f"{OPTION}-allow-unknown"
# The value of the option where none is given: it means the files in the setting.
FROM_SETTING: Final = ""
# The property of a report that names a clause in the last month before its day.
EXPIRES: Final = "schema_contract_expires"


def add_options(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("migration_guard", "schema contracts")
    group.addoption(
        OPTION,
        action="append",
        nargs="?",
        const=FROM_SETTING,
        default=[],
        dest=INI,
        metavar="FILE",
        help="Test the schema contract FILE, each assertion a test; without FILE, those in "
        'MIGRATION_GUARD["CONTRACTS"], or else the models, each table a test.',
    )
    group.addoption(
        ALLOW_UNKNOWN,
        action="store_true",
        help="Skip, rather than fail, what a schema contract says and nobody can find out.",
    )
    parser.addini(INI, "Schema contracts to test, as with --schema-contract.", "paths", default=[])
