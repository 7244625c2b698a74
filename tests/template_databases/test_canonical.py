"""The text of a setting's value: the same in each process, and another for another value."""

import re
import subprocess
import sys

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.template_databases.canonical import canonical

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.text(), inner),
        st.tuples(inner, inner),
        st.frozensets(SCALARS),
    ),
    max_leaves=8,
)


def kinds(value):
    """Return the value with the types of its parts, since 1 == True."""
    if isinstance(value, dict):
        return dict, {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [kinds(item) for item in value]
    if isinstance(value, frozenset):
        return frozenset, {kinds(item) for item in value}
    return type(value), repr(value)


@given(VALUES, VALUES)
def test_canonical_when_values_differ_differs_and_else_not(first, second):
    assert (canonical(first) == canonical(second)) == (kinds(first) == kinds(second))


class Options:
    def __init__(self, **values):
        vars(self).update(values)


def test_canonical_when_objects_are_made_anew_is_the_same():
    made = [
        [
            Options(a=1, b=[gettext_lazy("x")]),
            re.compile("x"),
            kinds,
        ]
        for _ in range(2)
    ]

    assert canonical(made[0]) == canonical(made[1])
    assert "0x" not in canonical(made[0])


class Slots:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (Options(a=1), Options(a=2)),
        (Slots(1), Slots(2)),
        (lambda: 1, lambda: 2),
        (lambda: len, lambda: max),
        (lambda a=1: a, lambda a=2: a),
        (lambda: lambda: 1, lambda: lambda: 2),
        (re.compile("x" * 300), re.compile("x" * 301)),
        (re.compile("x"), re.compile("x", re.IGNORECASE)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_canonical_when_objects_of_a_kind_differ_inside_differs(value, other):
    assert canonical(value) == canonical(value)
    assert canonical(value) != canonical(other)


def test_canonical_when_sets_are_hashed_otherwise_is_the_same():
    code = (
        "from migration_guard.template_databases.canonical import canonical\n"
        "print(canonical({'a', 'b', 'c', 'd'}))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in "12"
    }

    assert len(texts) == 1


def test_canonical_when_a_value_holds_itself_ends():
    value = []
    value.append(value)

    assert canonical(value).endswith("…" + ")" * 21)
