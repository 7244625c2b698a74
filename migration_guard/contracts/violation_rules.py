"""The rules of a schema contract: every slug of a violation, and what it means."""

from collections.abc import Mapping
from typing import Final

RULES: Final[Mapping[str, str]] = {
    "missing-table": "A table that code relies on is not in the database.",
    "extra-table": "The contract lists all tables, and the database has one more.",
    "wrong-kind": "A view stands where the contract says table, or the other way round.",
    "wrong-engine": "The storage engine of a table has no transactions and no foreign keys.",
    "not-writable": "An INSERT of a row by its model, or with the stated columns, fails.",
    "missing-column": "A column that code relies on is not in its table.",
    "extra-column": "The contract lists all columns of the table, and there is one more.",
    "wrong-type": "A column has another type, length or precision.",
    "wrong-null": "A column takes NULL where code expects none, or the other way round.",
    "wrong-default": "A column has another default, or none.",
    "wrong-identity": "The database does not number the rows as stated.",
    "wrong-generated": "A generated column is computed otherwise, or not at all.",
    "wrong-collation": "A column sorts and compares by another collation.",
    "wrong-primary-key": "The primary key is over other columns, or there is none.",
    "missing-unique": "No valid total unique key over just these columns, in this order.",
    "missing-index": "No valid index that serves a look-up by these columns.",
    "invalid-index": "The index is there and INVALID: the planner does not use it.",
    "missing-foreign-key": "No foreign key over these columns.",
    "wrong-foreign-key": "The foreign key points elsewhere, or acts otherwise.",
    "missing-check": "A check constraint is not there.",
    "wrong-check": "A check constraint of this name checks something else.",
    "missing-exclusion": "An exclusion constraint is not there.",
    "wrong-exclusion": "An exclusion constraint of this name excludes something else.",
    "not-valid": "The constraint is there, but NOT VALID: old rows may break it.",
    "missing-view": "A view that code relies on is not in the database.",
    "missing-enum": "An enumerated type is not there.",
    "wrong-enum": "An enumerated type has other values, or another order of them.",
    "missing-extension": "An extension is not installed.",
    "wrong-version": "An extension is older than stated.",
    "present-table": "A table that must not be there is there.",
    "present-column": "A column that must not be there is there.",
    "not-applied": "A migration that must be applied is not.",
}
