"""What a package for another vendor gives Django: ``ENGINE = "tests.otherdb"``."""

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's SQLite, which says that it is something else."""

    vendor = "otherdb"
    display_name = "Other DB"
