"""Which of Django's migrations a written file requires."""

from collections.abc import Mapping, Sequence

from django.apps import apps

from migration_guard.planning.files import MigrationFile
from migration_guard.schema.objects import UNKNOWN, Snapshot


def find_requirements(
    files: Sequence[MigrationFile],
    snapshot: Snapshot,
    own: Mapping[str, str],
    django: Sequence[str],
) -> list[str]:
    """Return ``app.name`` of each migration, without repetition.

    ``own`` has the bare names of what is written, and ``django`` the migrations that ran before. A
    foreign key to a table of another app needs the last of that app's.
    """
    names = [".".join(key) for file in files for key in file.directives.requires]
    labels = {model._meta.db_table: model._meta.app_label for model in apps.get_models()}
    for table in snapshot.tables:
        if table.name not in own.values() or table.foreign_keys is UNKNOWN:
            continue
        for key in table.foreign_keys:
            target = key.target.rpartition(".")[2]
            if target in own.values():  # a model that Django does not manage may have it
                continue
            label = labels.get(target, "")
            latest = [name for name in django if name.startswith(f"{label}.")]
            if latest and not any(name.startswith(f"{label}.") for name in names):
                names.append(latest[-1])
    return list(dict.fromkeys(names))
