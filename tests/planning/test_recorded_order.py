"""In which order a database got its migrations, and where its rows do not tell it: pure."""

from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from migration_guard.planning.one_order import DjangoMigration, Project
from migration_guard.planning.recorded_order import RecordedRow, recorded_order
from tests.planning.test_one_order import django, sql, told

START = datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


def key(name):
    return tuple(name.split("."))


def order(graph, files, rows, stands_for=None):
    """Return the order of `rows`: (name, seconds) in the order of the ids of `django_migrations`."""
    stands_for = {key(old): {key(new)} for old, new in (stands_for or {}).items()}
    names = {migration.key: {migration.key} for migration in graph}
    project = Project(graph, files, {**names, **stands_for})
    of_django = [RecordedRow(key(name), at(time)) for name, time in rows if "." in name]
    of_sql = [RecordedRow(name, at(time)) for name, time in rows if "." not in name]
    return recorded_order(project, of_django, sorted(of_sql, key=lambda row: row.at))


def test_order_when_kinds_alternate_in_time_then_the_steps_do():
    graph = [django("a.1"), django("a.2", "a.1"), django("b.1")]
    files = [sql("1_x"), sql("2_y")]

    result = order(graph, files, [("a.1", 0), ("1_x", 1), ("a.2", 2), ("b.1", 3), ("2_y", 4)])

    assert told(result.steps) == ["[a.1]", "1_x", "[a.2 b.1]", "2_y"]
    assert (result.doubts, result.ties) == ({}, ())


def test_order_when_sql_ran_late_then_it_stays_late():
    result = order([], [sql("1_x"), sql("2_y")], [("2_y", 0), ("1_x", 1)])

    assert told(result.steps) == ["2_y 1_x"]


def test_order_when_django_ran_against_its_own_order_then_each_is_a_step():
    graph = [django("a.1"), django("b.1")]

    result = order(graph, [], [("b.1", 0), ("a.1", 1)])

    assert told(result.steps) == ["[b.1]", "[a.1]"]


def test_order_when_two_of_django_have_one_time_then_their_ids_tell():
    result = order([django("a.1"), django("b.1")], [], [("b.1", 0), ("a.1", 0)])

    assert (told(result.steps), result.ties) == (["[b.1]", "[a.1]"], ())


def test_order_when_nothing_tells_two_apart_then_they_are_a_tie():
    result = order([django("a.1")], [sql("1_x"), sql("2_y")], [("a.1", 0), ("1_x", 0), ("2_y", 0)])

    assert result.ties == (("a.1", "1_x"), ("1_x", "2_y"))


def test_order_when_a_column_holds_seconds_then_a_time_within_one_is_a_tie():
    whole = -1e-6  # 12:00:00 without a part of a second
    result = order([django("a.1")], [sql("1_x")], [("a.1", whole), ("1_x", 0.3)])

    assert result.ties == (("a.1", "1_x"),)


def test_order_when_one_of_a_tie_needs_the_other_by_a_third_then_there_is_none():
    graph = [django("a.1", needs=["1_x"]), django("a.2", "a.1")]

    result = order(graph, [sql("1_x")], [("a.1", 0), ("a.2", 0), ("1_x", 0)])

    assert (told(result.steps), result.ties) == (["1_x", "[a.1 a.2]"], ())


def test_order_when_a_need_tells_of_one_of_three_then_the_others_are_a_tie():
    graph = [django("a.1"), django("a.2", "a.1", needs=["1_x"])]

    result = order(graph, [sql("1_x")], [("a.1", 0), ("a.2", 0), ("1_x", 0)])

    assert (told(result.steps), result.ties) == (["[a.1]", "1_x", "[a.2]"], (("a.1", "1_x"),))


def test_order_when_one_of_a_tie_needs_the_other_then_there_is_none():
    result = order([django("a.1")], [sql("1_x", "a.1")], [("a.1", 0), ("1_x", 0)])

    assert (told(result.steps), result.ties) == (["[a.1]", "1_x"], ())


def test_order_when_a_time_is_before_what_is_needed_then_that_comes_first_in_doubt():
    graph = [django("a.1", needs=["1_x"])]

    result = order(graph, [sql("1_x")], [("a.1", 0), ("1_x", 60)])

    assert told(result.steps) == ["1_x", "[a.1]"]
    assert result.doubts == {"a.1": "by its time it ran before 1_x, which it needs"}


def test_order_when_two_clocks_differ_by_a_second_then_what_is_needed_tells_it():
    graph = [django("a.1", needs=["1_x"])]

    result = order(graph, [sql("1_x")], [("a.1", 0), ("1_x", 1)])

    assert (told(result.steps), result.doubts) == (["1_x", "[a.1]"], {})


def test_order_when_the_clock_went_back_then_the_ids_tell_in_doubt():
    result = order(
        [django("a.1"), django("b.1")], [sql("1_x")], [("a.1", 5), ("b.1", 1), ("1_x", 9)]
    )

    assert told(result.steps) == ["[a.1 b.1]", "1_x"]
    assert [*result.doubts] == ["b.1"]


def squash(name, *replaces):
    return DjangoMigration(key(name), replaces=frozenset(map(key, replaces)))


OLD = {"a.1": "a.3", "a.2": "a.3"}


def test_order_when_a_squash_stands_for_all_of_its_own_then_it_has_their_place():
    result = order(
        [squash("a.3", "a.1", "a.2")],
        [sql("1_x")],
        [("a.1", 0), ("a.2", 1), ("a.3", 9), ("1_x", 5)],
        OLD,
    )

    assert (told(result.steps), result.doubts) == (["[a.3]", "1_x"], {})


def test_order_when_a_part_of_a_squash_is_not_recorded_then_it_is_a_doubt():
    result = order([squash("a.3", "a.1", "a.2")], [], [("a.1", 0)], OLD)

    assert "a.2 is not recorded" in result.doubts["a.3"]


def test_order_when_sql_ran_within_a_squash_then_it_is_a_doubt():
    result = order(
        [squash("a.3", "a.1", "a.2")], [sql("1_x")], [("a.1", 0), ("1_x", 1), ("a.2", 2)], OLD
    )

    assert "1_x ran between" in result.doubts["a.3"]


def test_order_when_django_has_a_row_without_code_then_it_is_a_doubt():
    result = order([], [], [("gone.1", 0)], {})

    assert "the code of today does not" in result.doubts["gone.1"]


@st.composite
def histories(draw):
    """Return a graph, files, and rows in an order in which they can have run."""
    graph = [
        django(
            f"a.{place}", *(f"a.{before}" for before in draw(st.sets(st.integers(0, place - 1))))
        )
        if place
        else django("a.0")
        for place in range(draw(st.integers(1, 5)))
    ]
    files = [
        sql(f"{place}_f", *draw(st.sets(st.sampled_from([str(one) for one in graph]), max_size=1)))
        for place in range(draw(st.integers(1, 5)))
    ]
    needs = {str(one): {".".join(name) for name in one.after} for one in graph}
    needs |= {file.id: {".".join(name) for name in file.directives.requires} for file in files}
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    names = []
    ready = []
    while sorter.is_active():
        ready += sorter.get_ready()
        name = ready.pop(draw(st.integers(0, len(ready) - 1)))
        sorter.done(name)
        names.append(name)
    return graph, files, [(name, seconds) for seconds, name in enumerate(names)]


@given(histories())
def test_order_when_the_history_is_legal_then_it_is_the_history(history):
    graph, files, rows = history

    result = order(graph, files, rows)

    assert [name for step in result.steps for name in step.names] == [name for name, _ in rows]
    assert (result.doubts, result.ties) == ({}, ())
