"""Schema contracts: what code relies on in a database, and whether the database keeps it.

from django.db import connection
from migration_guard.contracts import Column, Contract, Table, check

def test_the_export_finds_its_columns():
    users = Table("users", [Column("id", "uuid", null=False)], unique=[["email"]])

    assert check(connection, Contract([users])) == ()
"""

from migration_guard.contracts.assertions import compare
from migration_guard.contracts.check import check, examine
from migration_guard.contracts.contract import Contract, Models, merge
from migration_guard.contracts.declare import (
    AbsentColumn,
    AbsentTable,
    Check,
    Column,
    Enum,
    Exclusion,
    Extension,
    ForeignKey,
    Index,
    Migrations,
    PrimaryKey,
    Table,
    Unique,
    View,
)
from migration_guard.contracts.from_models import from_models, tables_of_models
from migration_guard.contracts.from_toml import load, parse
from migration_guard.contracts.to_toml import write
from migration_guard.contracts.violation_rules import RULES

__all__ = [
    "RULES",
    "AbsentColumn",
    "AbsentTable",
    "Check",
    "Column",
    "Contract",
    "Enum",
    "Exclusion",
    "Extension",
    "ForeignKey",
    "Index",
    "Migrations",
    "Models",
    "PrimaryKey",
    "Table",
    "Unique",
    "View",
    "check",
    "compare",
    "examine",
    "from_models",
    "load",
    "merge",
    "parse",
    "tables_of_models",
    "write",
]
