"""Which models a project creates rows of: all managed ones, and unmanaged ones that it names.

Who creates a row of a model also creates one of each parent, and of its many-to-many tables.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Model


def find_written_models(is_named: Callable[[str], bool]) -> frozenset[type["Model"]]:
    """Return the models with a table that the project writes; a proxy stands for its model."""
    from django.apps import apps

    written: set[type[Model]] = set()
    for model in apps.get_models(include_auto_created=True):
        is_managed = model._meta.managed and not model._meta.proxy
        if is_managed or is_named(model._meta.label):
            concrete = model._meta.concrete_model or model
            written |= {concrete, *concrete._meta.get_parent_list()}
    fields: list[Any] = [field for model in written for field in model._meta.local_many_to_many]
    tables: list[type[Model]] = [field.remote_field.through for field in fields]
    return frozenset(written.union(table for table in tables if table._meta.auto_created))
