"""Tables keyed by vendor in ``schema``: none forgets a vendor that the app supports."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

import pytest

from migration_guard import schema
from migration_guard.vendors import VENDORS

MODULES = [module.name for module in pkgutil.walk_packages(schema.__path__, f"{schema.__name__}.")]


def tables():
    for module in MODULES:
        for name, table in vars(import_module(module)).items():
            if isinstance(table, Mapping) and set(table) & set(VENDORS):
                yield pytest.param(table, id=f"{module}.{name}")


@pytest.mark.parametrize("table", list(tables()))
def test_table_when_keyed_by_vendor_then_has_a_row_for_each(table):
    assert set(table) == set(VENDORS)
