"""Whatever Django's graph is and whatever of it is taken, there is one order, and it keeps it."""

from pathlib import Path

from django.db.migrations.graph import MigrationGraph
from django.db.migrations.migration import Migration
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.adopting.files import NewFile
from migration_guard.adopting.runsql.conversion import find_order
from migration_guard.adopting.runsql.selection import Taken, graph_order, with_requirements
from migration_guard.adopting.tool import ForeignFile
from migration_guard.planning.one_order import DjangoMigration


@st.composite
def graphs(draw):
    """Return a graph of Django's, and the keys of the migrations that are taken."""
    graph, keys, taken = MigrationGraph(), [], set()
    for number in range(draw(st.integers(1, 9))):
        key = (draw(st.sampled_from(["club", "shop"])), f"{number:04}_m")
        graph.add_node(key, Migration(key[1], key[0]))
        for parent in draw(st.lists(st.sampled_from(keys), unique=True)) if keys else ():
            graph.add_dependency(None, key, parent)
        keys.append(key)
        taken |= {key} if draw(st.booleans()) else set()
    return graph, taken


@given(graphs())
def test_order_when_any_migrations_are_taken_keeps_every_dependency(drawn):
    graph, keys = drawn
    taken = [
        Taken(graph.nodes[key], Path(), b"", ForeignFile(".".join(key), None, "", "", Path()))
        for key in graph_order(graph)
        if key in keys
    ]
    new = [
        NewFile(f"{place:04}_x", "", item.file)
        for place, item in enumerate(with_requirements(taken, graph), start=1)
    ]
    ids = {file.original.key: file.id for file in new}

    items = find_order(graph, [], new, ids)

    names = [str(item) if isinstance(item, DjangoMigration) else item.id for item in items]
    places = {name: place for place, name in enumerate(names)}
    runs = {key: places[ids.get(".".join(key), ".".join(key))] for key in graph.nodes}
    assert len(names) == len(graph.nodes) + len(new)
    for key, node in graph.node_map.items():
        assert all(runs[parent.key] < runs[key] for parent in node.parents)
        assert runs[key] <= places[".".join(key)]
