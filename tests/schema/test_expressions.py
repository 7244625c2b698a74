"""Expressions as text: what differs in spelling only is the same, all else is not."""

import pytest

from migration_guard.schema.defaults import same_default
from migration_guard.schema.expressions import is_single
from migration_guard.schema.spelling import canonical

SAME_DEFAULTS = [
    ("postgresql", "'local'", "'local'::character varying"),
    ("postgresql", "'local'", "('local'::character varying(40))::text"),
    ("postgresql", "'{}'", "'{}'::jsonb"),
    ("postgresql", "'{}'", "'{}'::text[]"),
    ("postgresql", "1", "1.0"),
    ("postgresql", "1.50", "'1.5'::numeric(4,2)"),
    ("postgresql", "-1", "'-1'::integer"),
    ("postgresql", "-1", "(-1)"),
    ("postgresql", "TRUE", "true"),
    ("postgresql", "NOW()", "now()"),
    ("postgresql", "CURRENT_TIMESTAMP", "now()"),
    ("postgresql", "NULL", "NULL::character varying"),
    ("mysql", "now()", "current_timestamp()"),
    ("mysql", "CURRENT_TIMESTAMP(6)", "current_timestamp(6)"),
    ("mysql", "true", "1"),
    ("mysql", "_utf8mb4'a'", "'a'"),
    ("sqlite", "CURRENT_TIMESTAMP", "(current_timestamp)"),
    ("sqlite", "false", "0"),
]
OTHER_DEFAULTS = [
    ("postgresql", "'local'", "'Local'::character varying"),
    ("postgresql", "'1'", "'1.0'"),
    ("postgresql", "'a'", "'a '"),
    ("postgresql", "now()", "clock_timestamp()"),
    ("postgresql", "'a' || 'b'::text", "'a'"),
    ("postgresql", "'a'::text || 'b'", "'a'"),
    ("postgresql", "1", "2"),
    ("postgresql", "nextval('a'::regclass)", "nextval('b'::regclass)"),
    ("sqlite", "'true'", "true"),
    ("mysql", "current_timestamp(6)", "current_timestamp()"),
]


@pytest.mark.parametrize(("vendor", "one", "other"), SAME_DEFAULTS)
def test_defaults_when_spelt_otherwise_then_they_are_the_same(vendor, one, other):
    assert same_default(one, other, vendor)
    assert same_default(other, one, vendor)


@pytest.mark.parametrize(("vendor", "one", "other"), OTHER_DEFAULTS)
def test_defaults_when_they_differ_then_they_are_not_the_same(vendor, one, other):
    assert not same_default(one, other, vendor)
    assert not same_default(other, one, vendor)


@pytest.mark.parametrize(
    ("vendor", "one", "other"),
    [
        ("postgresql", '("a" >= 0 AND "b" < 1)', "a>=0 and b<1"),
        ("postgresql", "((a)) ", "a -- a comment"),
        ("mysql", "`a` >= 0", "A>=0"),
        ("sqlite", "[a]>=0", '"a" >= 0'),
    ],
)
def test_canonical_when_only_the_spelling_differs_then_it_is_one_text(vendor, one, other):
    assert canonical(one, vendor) == canonical(other, vendor)


@pytest.mark.parametrize(
    ("vendor", "one", "other"),
    [
        ("postgresql", '"A" > 0', "a > 0"),
        ("postgresql", "\"select\" = 'A'", "select = 'a'"),
        ("postgresql", "(a) + (b)", "a) + (b"),
        ("postgresql", "((a)", "(a)"),
        ("sqlite", "'a'", "'A'"),
    ],
)
def test_canonical_when_the_meaning_may_differ_then_it_is_not_one_text(vendor, one, other):
    assert canonical(one, vendor) != canonical(other, vendor)


@pytest.mark.parametrize("text", ["a > 0", "(a) + (b)", "';'", "a -- b", '"a;b" > 0', "$$;$$"])
def test_single_when_it_is_one_expression_then_it_may_be_asked(text):
    assert is_single(text, "postgresql")


@pytest.mark.parametrize("text", ["", " ", "a; b", "a)", "(a", ") a (", "'a", '"a', "$$a"])
def test_single_when_it_could_leave_its_brackets_then_it_may_not(text):
    assert not is_single(text, "postgresql")
