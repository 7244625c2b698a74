"""Which of Django's own migrations makes a table that an SQL migration misses."""

import re
from contextlib import suppress

from django.apps import apps
from django.db.migrations.loader import MigrationLoader


def newest_migration_for(message: str) -> str:
    """Return the newest migration, as ``app.name``, of the app whose table ``message`` names.

    An empty string where it names no table that Django makes.
    """
    names = set(re.findall(r"[\w$]+", message))
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if options.managed and options.db_table in names:
            return _newest(options.app_label)
    return ""


def _newest(app: str) -> str:
    # A project's own files may fail in any way, and this is a hint about another error.
    with suppress(Exception):
        leaves = MigrationLoader(None).graph.leaf_nodes(app)
        return ".".join(leaves[0]) if leaves else ""
    return ""
