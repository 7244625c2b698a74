"""``--template``: a fresh database that was built of the same files before is copied."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from django.db import connections

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import throwaway
from migration_guard.template_databases.order import read_order
from migration_guard.template_databases.recipe import Recipe
from migration_guard.template_databases.shelf import Obstacle, Shelf, Template, longest, open_shelf


@contextmanager
def copied(alias: str, host: Host, environment: str, build: Callable[[], object]) -> Iterator[str]:
    """Let ``alias`` be a copy of a finished database; yield the name of the template.

    ``build`` makes the template in a throwaway database, if there is none. Raises CannotTell.
    """
    likeness = host.likeness()
    if likeness is None:
        raise CannotTell(
            "--template needs PostgreSQL: no other database can copy a database.",
            "Leave it out.",
        )
    with ExitStack() as stack:
        try:
            shelf = stack.enter_context(open_shelf(alias, any_place=True))
            recipe = Recipe(alias, f"fresh {environment}", f"{likeness}{shelf.likeness()}")
            keys = read_order(recipe).keys
        except Obstacle as error:
            raise CannotTell(
                f"No template can be used: {error}.", "Leave --template out."
            ) from error
        with shelf.lock(keys[-1]):
            template = _find(shelf, keys[-1])
            if template is None:
                template = _make(shelf, recipe, keys, host, build)
        stack.enter_context(shelf.using(template))
        stack.enter_context(throwaway(alias, host, template.name))
        yield template.name


def _make(
    shelf: Shelf, recipe: Recipe, keys: Sequence[str], host: Host, build: Callable[[], object]
) -> Template:
    born = shelf.now()
    with throwaway(recipe.alias, host) as name:
        build()
        connections[recipe.alias].close()
        host.end_sessions(name)
        # A file may have been saved after its bytes were read here, and before they ran.
        if read_order(recipe).keys == keys:
            shelf.keep(connections[recipe.alias], keys, born)
    template = _find(shelf, keys[-1])
    if template is None:
        raise CannotTell(
            "What was built cannot be kept as a template: a file was changed meanwhile, somebody "
            f"is connected to it, or it is larger than {shelf.most_bytes >> 20} MB.",
            "It is dropped. Run it again, or leave --template out.",
        )
    return template


def _find(shelf: Shelf, key: str) -> Template | None:
    return longest(["", key], shelf.list_usable())[1]
