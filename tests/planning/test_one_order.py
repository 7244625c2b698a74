"""In which order both kinds of migrations build a database: pure, against a topological sort."""

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.exceptions import Refused
from migration_guard.planning.directives import Directives
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.planning.one_order import (
    DjangoMigration,
    DjangoStep,
    Project,
    order,
    steps_to_run,
)


def sql(id_, *requires):
    number = int(id_.partition("_")[0])
    named = tuple(tuple(one.split(".")) for one in requires)
    name = FileName(id_, number, None, f"{id_}.sql")
    return MigrationFile(name, "", "", Directives(requires=named))


def django(name, *after, needs=()):
    numbered = tuple((int(one.partition("_")[0]), one) for one in needs)
    return DjangoMigration(_key(name), frozenset(map(_key, after)), numbered)


def _key(name):
    app, _, rest = name.partition(".")
    return app, rest


def steps(waiting, files, stands_for=None, target=None, applied=()):
    """Return the steps that a database lacks where `applied` is applied."""
    project = Project(waiting, files, stands_for or {})
    return steps_to_run(project, lambda item: _name(item) not in applied, target)


def _name(item):
    return str(item) if isinstance(item, DjangoMigration) else item.id


def told(steps):
    """Return each step as one string: Django's migrations in brackets."""
    return [
        f"[{' '.join(map(str, step.migrations))}]"
        if isinstance(step, DjangoStep)
        else " ".join(file.id for file in step.files)
        for step in steps
    ]


CASES = {
    "nothing": ([], [], []),
    "only Django": ([django("a.1"), django("a.2", "a.1")], [], ["[a.1 a.2]"]),
    "only SQL": ([], [sql("1_a"), sql("2_b")], ["1_a 2_b"]),
    "neither needs the other: as a deploy does": (
        [django("a.1")],
        [sql("1_a"), sql("2_b")],
        ["[a.1]", "1_a 2_b"],
    ),
    "an SQL migration requires one of Django's, which comes first anyway": (
        [django("a.1")],
        [sql("1_a"), sql("2_b", "a.1")],
        ["[a.1]", "1_a 2_b"],
    ),
    "a Django migration needs an SQL one": (
        [django("a.1"), django("a.2", "a.1", needs=["1"])],
        [sql("1_a"), sql("2_b")],
        ["[a.1]", "1_a", "[a.2]", "2_b"],
    ),
    "and what depends on it waits with it, and no other": (
        [django("a.1", needs=["1"]), django("a.2", "a.1"), django("b.1")],
        [sql("1_a")],
        ["[b.1]", "1_a", "[a.1 a.2]"],
    ),
    "both ways": (
        [django("a.1"), django("a.2", "a.1", needs=["2"])],
        [sql("1_a"), sql("2_b", "a.1"), sql("3_c", "a.2")],
        ["[a.1]", "1_a 2_b", "[a.2]", "3_c"],
    ),
    "by id": ([django("a.1", needs=["2_b"])], [sql("1_a"), sql("2_b")], ["1_a 2_b", "[a.1]"]),
    "by a number of another width": (
        [django("a.1", needs=["0001"])],
        [sql("1_a")],
        ["1_a", "[a.1]"],
    ),
    "one of two of the same number, by its id": (
        [django("a.1", needs=["1_a"])],
        [sql("1_a"), sql("1_b", "a.1")],
        ["1_a", "[a.1]", "1_b"],
    ),
    "two of the same number, by that": (
        [django("a.1", needs=["1"])],
        [sql("1_a"), sql("1_b")],
        ["1_a 1_b", "[a.1]"],
    ),
    "what is applied already holds nothing back": (
        [django("a.2", "a.1")],
        [sql("1_a", "a.1")],
        ["[a.2]", "1_a"],
    ),
    "what does not exist holds nothing back: the runner says so": (
        [django("a.1")],
        [sql("1_a", "gone.1")],
        ["[a.1]", "1_a"],
    ),
}


@pytest.mark.parametrize(("waiting", "files", "expected"), CASES.values(), ids=CASES)
def test_order_when_each_needs_what_it_needs_then_all_come_in_time(waiting, files, expected):
    assert told(steps(waiting, files)) == expected


def test_order_when_a_required_migration_is_squashed_then_what_replaces_it_is_waited_for():
    squashed = django("a.squashed", needs=["1"])
    files = [sql("1_a"), sql("2_b", "a.2")]

    stands_for = {("a", "1"): [squashed.key], ("a", "2"): [squashed.key]}

    assert told(steps([squashed], files, stands_for)) == ["1_a", "[a.squashed]", "2_b"]


# Where there is no order

CYCLES = {
    "each other": (
        [django("a.1", needs=["1"])],
        [sql("1_a", "a.1")],
        "1_a needs a.1 needs the SQL migration 1_a",
    ),
    "one that comes later": (
        [django("a.1", needs=["3"])],
        [sql("1_a"), sql("2_b", "a.1"), sql("3_c")],
        "2_b needs a.1 needs the SQL migration 3_c, which comes after 2_b",
    ),
    "over others": (
        [django("a.1", needs=["2_b"]), django("a.2", "a.1"), django("b.1", "a.2")],
        [sql("1_a"), sql("2_b", "b.1")],
        "2_b needs b.1 needs a.2 needs a.1 needs the SQL migration 2_b",
    ),
}


@pytest.mark.parametrize(("waiting", "files", "chain"), CYCLES.values(), ids=CYCLES)
def test_order_when_migrations_wait_for_each_other_then_the_chain_is_named(waiting, files, chain):
    with pytest.raises(Refused, match="wait for each other") as caught:
        steps(waiting, files)

    (problem,) = caught.value.problems
    assert problem.rule == "requirement-cycle"
    assert problem.message == chain
    assert problem.path == Path(f"{chain.split()[0]}.sql")


@pytest.mark.parametrize("needed", ["3", "0003", "3_c", "2_other", "02_b"])
def test_order_when_a_needed_migration_is_not_there_then_it_is_named(needed):
    with pytest.raises(Refused) as caught:
        steps([django("a.1", needs=["2", needed])], [sql("1_a"), sql("2_b")])

    (problem,) = caught.value.problems
    assert problem.rule == "unknown-requirement"
    assert problem.message == f"a.1 requires the SQL migration {needed}, which is not there"


# Any graph


@st.composite
def projects(draw):
    """Draw Django's migrations, each depending on some before it, and files that require some."""
    names = [f"a.{number}" for number in range(draw(st.integers(0, 6)))]
    numbers = draw(st.lists(st.integers(1, 30), max_size=6, unique=True).map(sorted))
    files = [
        sql(f"{number}_m", *draw(st.sets(st.sampled_from(names), max_size=2)) if names else ())
        for number in numbers
    ]
    ids = st.sampled_from([one.id for one in files] + [f"{one.number:04}" for one in files])
    waiting = [
        django(
            name,
            *draw(st.sets(st.sampled_from(names[:place]), max_size=3) if place else st.just(())),
            needs=draw(st.sets(ids, max_size=1)) if files else (),
        )
        for place, name in enumerate(names)
    ]
    return waiting, files


def _edges(waiting, files):
    """Return what must come before each: the truth that an order is held against."""
    by_number = {file.number: file for file in files}
    edges = {file.id: set() for file in files}
    for before, file in pairwise(files):
        edges[file.id].add(before.id)
    for file in files:
        edges[file.id] |= {".".join(key) for key in file.directives.requires}
    for one in waiting:
        needed = {by_number[number].id for number, _ in one.needs}
        edges[str(one)] = {".".join(key) for key in one.after} | needed
    return edges


def _is_circular(edges):
    try:
        list(TopologicalSorter(edges).static_order())
    except CycleError:
        return True
    return False


@given(projects())
def test_order_when_the_graph_is_any_then_each_comes_once_behind_what_it_needs(project):
    waiting, files = project
    edges = _edges(waiting, files)
    if _is_circular(edges):
        with pytest.raises(Refused, match="there is no order"):
            order(Project(waiting, files))
        return

    names = [_name(item) for item in order(Project(waiting, files))]

    place = {name: number for number, name in enumerate(names)}
    assert sorted(names) == sorted(edges)
    assert all(place[before] < place[name] for name in edges for before in edges[name])


@given(projects())
def test_order_when_a_django_migration_comes_then_it_could_not_come_before(project):
    waiting, files = project
    edges = _edges(waiting, files)
    if _is_circular(edges):
        return

    items = order(Project(waiting, files))

    for before, item in pairwise(items):
        if isinstance(item, DjangoMigration) and not isinstance(before, DjangoMigration):
            assert before.id in _all_before(str(item), edges)


@given(projects(), st.integers(0, 6))
def test_order_when_files_are_added_at_the_end_moves_nothing_before_them(project, count):
    waiting, files = project
    if _is_circular(_edges(waiting, files)):
        return
    whole = [_name(item) for item in order(Project(waiting, files))]
    early = files[: max(0, len(files) - count)]
    late = {file.id for file in files} - {file.id for file in early}
    there = [one for one in waiting if not _all_before(str(one), _edges(waiting, files)) & late]

    before = [_name(item) for item in order(Project(there, early))]

    assert whole[: len(before)] == before


@given(projects(), st.data())
def test_steps_when_some_is_applied_are_the_rest_of_that_order(project, data):
    waiting, files = project
    if _is_circular(_edges(waiting, files)):
        return
    whole = [_name(item) for item in order(Project(waiting, files))]
    applied = data.draw(st.sets(st.sampled_from(whole))) if whole else set()

    found = steps(waiting, files, applied=applied)

    assert [name for step in found for name in step.names] == [
        name for name in whole if name not in applied
    ]


@given(projects(), st.integers(0, 31))
def test_steps_when_there_is_a_target_leave_out_what_needs_more(project, target):
    waiting, files = project
    edges = _edges(waiting, files)
    if _is_circular(edges):
        return

    names = {name for step in steps(waiting, files, target=target) for name in step.names}

    above = {file.id for file in files if file.number > target}
    assert names == {
        name for name in edges if name not in above and not _all_before(name, edges) & above
    }


def test_steps_when_a_file_between_is_applied_keep_the_place_of_each():
    waiting = [django("b.1"), django("a.1", needs=["1"])]

    assert told(steps(waiting, [sql("1_a")], applied={"1_a"})) == ["[b.1]", "[a.1]"]


def test_steps_when_the_circle_is_applied_go_on_behind_it():
    waiting = [django("a.1", needs=["1"]), django("a.2", "a.1", needs=["2"])]
    files = [sql("1_a", "a.1"), sql("2_b", "a.1")]

    assert told(steps(waiting, files, applied={"a.1", "1_a"})) == ["2_b", "[a.2]"]
    with pytest.raises(Refused, match="there is no order"):
        steps(waiting, files)


def _all_before(name, edges):
    found = set()
    ahead = [name]
    while ahead:
        for one in edges[ahead.pop()] - found:
            found.add(one)
            ahead.append(one)
    return found
