"""What a database is built of, beside the migrations themselves."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """What to build: ``environment`` and kind of a database, and what its place gives to it.

    Without ``has_migrations``, Django's are off. Without ``runs_code``, no code of the project may
    run. With ``is_test``, Django's ``migrate`` comes first unless a migration requires otherwise.
    """

    alias: str
    environment: str
    likeness: str
    has_migrations: bool = True
    runs_code: bool = True
    is_test: bool = False
