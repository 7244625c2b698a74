"""Conditions that Django spells in more than one way."""

import pytest

from migration_guard.schema.conditions import in_one_spelling

BOOLEANS = frozenset({"ok", "ko"})

# What Django 5.2 and 6.0, and what 6.1 wrote of the same Q on SQLite.
SPELLINGS = [
    ('"ok"', '"ok" = 1'),
    ('NOT "ok"', '"ok" = 0'),
    ('NOT ("ok")', 'NOT ("ok" = 1)'),
    ('NOT (NOT "ok")', 'NOT ("ok" = 0)'),
    ('("n" = 1 AND "ok")', '("n" = 1 AND "ok" = 1)'),
    ('("ok" OR "n" = 1)', '("ok" = 1 OR "n" = 1)'),
    ('NOT ("ko" AND "ko" IS NOT NULL)', 'NOT ("ko" = 1 AND "ko" IS NOT NULL)'),
    ('(NOT "ko" AND "ok")', '("ko" = 0 AND "ok" = 1)'),
    ('"n" = (CASE WHEN "ok" THEN 1 ELSE 2 END)', '"n" = (CASE WHEN "ok" = 1 THEN 1 ELSE 2 END)'),
    ("\"j\" IN ('true','null','false')", "\"j\" IN ('null','false','true')"),
]


@pytest.mark.parametrize(("old", "new"), SPELLINGS)
def test_condition_when_another_django_spells_it_then_it_is_the_same(old, new):
    one, other = (in_one_spelling(text, "sqlite", BOOLEANS) for text in (old, new))

    assert one == other


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ('"n"', '"n" = 1'),
        ('"ok" = 1', '"ok" = 0'),
        ('"ok" = 1', '"ok" = 10'),
        ('"ok"', '"n" = "ok" = 1'),
        ('"ok"', '"ok" = 1 + 0'),
        ("n IN (1, 2)", "n IN (1, 3)"),
        ("n IN (a, b)", "n IN (b, a)"),
        ("f(1, 2)", "f(2, 1)"),
    ],
)
def test_condition_when_it_means_something_else_then_it_differs(a, b):
    one, other = (in_one_spelling(text, "sqlite", BOOLEANS) for text in (a, b))

    assert one != other


@pytest.mark.parametrize(
    ("vendor", "a", "b"),
    [
        (
            "postgresql",
            "s = ANY (ARRAY['b'::text, 'a'::text])",
            "s = ANY (ARRAY['a'::text, 'b'::text])",
        ),
        ("mysql", "`s` in ('b','a')", "`s` in ('a','b')"),
    ],
)
def test_values_when_a_set_gives_them_then_their_order_does_not_count(vendor, a, b):
    assert in_one_spelling(a, vendor) == in_one_spelling(b, vendor)


def test_values_when_an_array_is_no_set_then_its_order_counts():
    a, b = (in_one_spelling(f"s = ARRAY[{values}]", "postgresql") for values in ("1, 2", "2, 1"))

    assert a != b
