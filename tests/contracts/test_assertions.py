"""Contract against snapshot, in pure values: what keeps a clause, what breaks it, what is unknown."""

import pytest

from migration_guard.contracts import (
    AbsentColumn,
    Check,
    Column,
    Contract,
    Enum,
    Exclusion,
    Extension,
    ForeignKey,
    Index,
    Table,
    Unique,
    View,
    compare,
)
from migration_guard.contracts.table_comparison import MAX_SUGGESTIONS
from migration_guard.exceptions import CannotTell
from migration_guard.results import Verdict
from migration_guard.schema import objects
from migration_guard.schema.objects import UNKNOWN, Snapshot, Unknown


def _column(name, type_="integer", **facts):
    known = {"nullable": True, "default": None, "identity": "", "generated": None}
    return objects.Column(name, type_, **{**known, "collation": None, **facts})


def _index(*columns, **facts):
    known = {"method": "btree", "orders": ("asc",) * len(columns)}
    return objects.Index("ix", columns, **{**known, **facts})


def _table(**facts):
    known = {
        "columns": (_column("a"), _column("b"), _column("c")),
        "primary_key": objects.Key("pk", ("a",)),
        "uniques": (),
        "indexes": (),
        "foreign_keys": (),
        "checks": (),
        "exclusions": (),
    }
    return objects.Table("public", "t", "t", **{"kind": "table", **known, **facts})


def _snapshot(*tables, vendor="postgresql", **facts):
    return Snapshot(vendor, tables, search_path=("public",), **facts)


def _judge(stated, *tables, vendor="postgresql"):
    """Return the rules that one table breaks, "unknown", or nothing."""
    assertions = compare(Contract([stated]), _snapshot(*tables, vendor=vendor))
    return sorted(
        {
            assertion.violation.rule if assertion.violation else str(assertion.verdict)
            for assertion in assertions
        }
        - {"kept"}
    )


COLUMNS = [
    # stated, actual, rule
    (Column("a", "int4"), _column("a"), []),
    (Column("a", "bigint"), _column("a"), ["wrong-type"]),
    (Column("a", "varchar(40)"), _column("a", "character varying(41)"), ["wrong-type"]),
    (Column("a", "positive"), _column("a", "positive", base_type="integer"), []),
    (Column("a", "int"), _column("a", "positive", base_type="integer"), []),
    (Column("a", "int"), _column("a", UNKNOWN), ["unknown"]),
    (Column("a", null=False), _column("a"), ["wrong-null"]),
    (Column("a", null=True), _column("a", nullable=False), ["wrong-null"]),
    (Column("a", null=True), _column("a", nullable=UNKNOWN), ["unknown"]),
    (Column("a", default="'x'"), _column("a", default="'x'::text"), []),
    (Column("a", default="'x'"), _column("a", default="'y'::text"), ["wrong-default"]),
    (Column("a", default="'x'"), _column("a"), ["wrong-default"]),
    (Column("a", default=False), _column("a", default="1"), ["wrong-default"]),
    (Column("a", default=False), _column("a", default="NULL::text"), []),
    (Column("a", default=False), _column("a", identity="always"), ["wrong-default"]),
    (Column("a", default="NULL"), _column("a"), []),
    (Column("a", default=True), _column("a", default="f()"), []),
    (Column("a", default=True), _column("a"), ["wrong-default"]),
    (Column("a", default="1"), _column("a", default=UNKNOWN), ["unknown"]),
    (Column("a", identity=True), _column("a", identity="always"), []),
    (Column("a", identity=True), _column("a", default="nextval('s'::regclass)"), []),
    (Column("a", identity=True), _column("a"), ["wrong-identity"]),
    (Column("a", identity=False), _column("a", identity="by default"), ["wrong-identity"]),
    (Column("a", identity="always"), _column("a", identity="by default"), ["wrong-identity"]),
    (Column("a", identity="always"), _column("a", identity=UNKNOWN), ["unknown"]),
    (Column("a", identity=True), _column("a", default=UNKNOWN), ["unknown"]),
    (Column("a", generated=True), _column("a"), ["wrong-generated"]),
    (
        Column("a", generated="lower(b)", stored=True),
        _column("a", generated=objects.Generated("LOWER(b)", stored=True)),
        [],
    ),
    (
        Column("a", generated="lower(b)", stored=True),
        _column("a", generated=objects.Generated("upper(b)", stored=False)),
        ["wrong-generated"],
    ),
    (
        Column("a", generated="lower(b)"),
        _column("a", generated=objects.Generated(UNKNOWN, stored=True)),
        ["unknown"],
    ),
    (Column("a", collation="C"), _column("a", collation="C"), []),
    (Column("a", collation="C"), _column("a"), ["wrong-collation"]),
    (Column("a", collation="C"), _column("a", collation=UNKNOWN), ["unknown"]),
    (Column("z", "int", null=False), _column("a"), ["missing-column"]),
]


@pytest.mark.parametrize(("stated", "actual", "rules"), COLUMNS)
def test_column_when_compared_then_its_rule_is_told(stated, actual, rules):
    assert _judge(Table("t", [stated]), _table(columns=(actual,))) == rules


UNIQUES = [
    # stated, facts of the table, rules
    (["a"], {"uniques": (objects.Key("k", ("a",)),)}, []),
    (["a"], {}, []),  # the primary key
    (["b"], {}, ["missing-unique"]),
    (["a", "b"], {"uniques": (objects.Key("k", ("b", "a")),)}, ["missing-unique"]),
    (["b"], {"uniques": (objects.Key("k", ("b", "c")),)}, ["missing-unique"]),
    (["b"], {"uniques": (objects.Key("k", ("b",), "deferred"),)}, ["missing-unique"]),
    (["b"], {"uniques": (objects.Key("k", ("b",), "", UNKNOWN),)}, ["unknown"]),
    (["b"], {"indexes": (_index("b", unique=True, predicate="a > 1"),)}, ["missing-unique"]),
    (["b"], {"indexes": (_index("b", unique=True, valid=False),)}, ["missing-unique"]),
    (["b"], {"indexes": (_index("b", unique=True, disabled_on=("t",)),)}, ["missing-unique"]),
    (["b"], {"uniques": (objects.Key("k", ("b",), "", True, UNKNOWN),)}, ["unknown"]),
    (["b"], {"primary_key": objects.Key("k", ("b",), "", True, ("t",))}, ["missing-unique"]),
    (["b"], {"primary_key": objects.Key("k", ("b",), "", True, UNKNOWN)}, ["unknown"]),
    (
        ["b"],
        {"indexes": (_index(None, unique=True, expressions=("lower(b)",)),)},
        ["missing-unique"],
    ),
    (["b"], {"uniques": UNKNOWN}, ["unknown"]),
    (["b"], {"indexes": UNKNOWN}, ["missing-unique"]),  # all plain keys are among the uniques
    (Unique(["b"], where="a > 1"), {"indexes": UNKNOWN}, ["unknown"]),
    (
        Unique(["b"], where="a > 1"),
        {"indexes": (_index("b", unique=True, predicate="(A > 1)"),)},
        [],
    ),
    (
        Unique(["b"], where="a > 1"),
        {"indexes": (_index("b", unique=True, predicate="a > 2"),)},
        ["missing-unique"],
    ),
    (
        Unique(["b"], where="a > 1"),
        {"uniques": (objects.Key("k", ("b",)),), "indexes": (_index("b", unique=True),)},
        ["missing-unique"],
    ),
    (
        ["lower(b)"],
        {"indexes": (_index(None, unique=True, expressions=("LOWER(b)",)),)},
        [],
    ),
    (
        ["lower(b)"],
        {"indexes": (_index(None, expressions=("lower(b)",)),)},
        ["missing-unique"],
    ),
]


@pytest.mark.parametrize(("stated", "facts", "rules"), UNIQUES)
def test_unique_when_compared_then_only_a_valid_total_key_keeps_it(stated, facts, rules):
    assert _judge(Table("t", unique=[stated]), _table(**facts)) == rules


INDEXES = [
    # stated, index, rules
    (["b"], _index("b"), []),
    (["b"], _index("b", "c"), []),
    (["b"], _index("c", "b"), ["missing-index"]),
    (["a"], _index("c"), []),  # the primary key
    (["b", "c"], _index("b"), ["missing-index"]),
    ([""], _index("b"), ["missing-index"]),
    (["b"], _index("b", predicate="a > 1"), ["missing-index"]),
    (["b"], _index("b", valid=False), ["invalid-index"]),
    (["b"], _index("b", valid=UNKNOWN), ["unknown"]),
    (["b"], _index("b", prefix_lengths=(5,)), ["missing-index"]),
    (["b(5)"], _index("b", prefix_lengths=(5,)), []),
    (["b"], _index("b", collations=("C",)), ["missing-index"]),
    (['b COLLATE "C"'], _index("b", collations=("C",)), []),
    (["b"], _index("b", "c", method="gin"), ["missing-index"]),
    (["b"], _index("b", method="gin"), []),
    (Index(["b"], method="gin"), _index("b"), ["missing-index"]),
    (["b DESC"], _index("b", orders=("desc",)), []),
    (["b desc"], _index("b"), ["missing-index"]),
    (["b DESC"], _index("b", orders=UNKNOWN), ["unknown"]),
    (["lower(b)"], _index(None, expressions=("lower(b)",)), []),
    (["lower(b)"], _index(None, expressions=UNKNOWN), ["unknown"]),
    (["upper(b)"], _index(None, expressions=("lower(b)",)), ["missing-index"]),
    (Index(["b"], exact=True), _index("b", "c"), ["missing-index"]),
    (Index(["b"], exact=True), _index("b", unique=True), ["missing-index"]),
    (Index(["b"], exact=True), _index("b", orders=("desc",)), ["missing-index"]),
    (Index(["b"], include=["c", "a"]), _index("b", include=("a", "c")), []),
    (Index(["b"], include=["c"]), _index("b"), ["missing-index"]),
    (Index(["b"], opclasses=["x_ops"]), _index("b", opclasses=("x_ops",)), []),
    (Index(["b"], opclasses=["x_ops"]), _index("b", opclasses=(None,)), ["missing-index"]),
    (Index(["b"], where="c > 1"), _index("b", predicate="c > 1"), []),
    (Index(["b"], where="c > 1"), _index("b", predicate=UNKNOWN), ["unknown"]),
    (Index(["b"], where="c > 1"), _index("b"), ["missing-index"]),
]


@pytest.mark.parametrize(("stated", "actual", "rules"), INDEXES)
def test_index_when_compared_then_what_serves_the_look_up_keeps_it(stated, actual, rules):
    assert _judge(Table("t", indexes=[stated]), _table(indexes=(actual,))) == rules


EXCLUSIONS = [
    (Exclusion("ex"), ("EXCLUDE USING gist (a WITH &&)",), []),
    (Exclusion("other"), ("EXCLUDE USING gist (a WITH &&)",), ["missing-exclusion"]),
    (Exclusion("ex"), (), ["missing-exclusion"]),
    (Exclusion("ex", "EXCLUDE USING gist (a WITH =)"), ("EXCLUDE USING gist (a WITH &&)",), ["missing-exclusion"]),
]  # fmt: skip


@pytest.mark.parametrize(("stated", "definitions", "rules"), EXCLUSIONS)
def test_exclusion_when_compared_then_its_name_and_its_definition_count(stated, definitions, rules):
    actual = tuple(objects.Exclusion("ex", definition) for definition in definitions)

    assert _judge(Table("t", exclusions=[stated]), _table(exclusions=actual)) == rules


def _key(**facts):
    known = {"on_delete": "cascade", "on_update": "no action", "deferrable": "", "validated": True}
    return objects.ForeignKey("fk", ("b",), "u", **{"target_columns": ("id",), **known, **facts})


FOREIGN_KEYS = [
    (ForeignKey(["b"], "u(id)", "cascade"), _key(), []),
    (ForeignKey(["b"], "u"), _key(), []),
    (ForeignKey(["b"], "public.u (id)"), _key(), []),
    (ForeignKey(["c"], "u"), _key(), ["missing-foreign-key"]),
    (ForeignKey(["b"], "t(id)"), _key(), ["wrong-foreign-key"]),
    (ForeignKey(["b"], "u(other)"), _key(), ["wrong-foreign-key"]),
    (ForeignKey(["b"], "u(id, x)"), _key(), ["wrong-foreign-key"]),
    (ForeignKey(["b"], "u", "set null"), _key(), ["wrong-foreign-key"]),
    (ForeignKey(["b"], "u", on_update="cascade"), _key(), ["wrong-foreign-key"]),
    (ForeignKey(["b"], "u", deferrable="deferred"), _key(), ["wrong-foreign-key"]),
    (ForeignKey(["b"], "u"), _key(validated=False), ["not-valid"]),
    (ForeignKey(["b"], "u", valid=False), _key(validated=False), []),
    (ForeignKey(["b"], "u"), _key(validated=False, enforced=False), ["not-enforced"]),
    (ForeignKey(["b"], "u", valid=False), _key(enforced=False), ["not-enforced"]),
    (ForeignKey(["b"], "u", enforced=False), _key(validated=False, enforced=False), []),
    (ForeignKey(["b"], "u"), _key(disabled_on=("u",)), ["not-enforced"]),
    (ForeignKey(["b"], "u", enforced=False), _key(disabled_on=("u",)), []),
    (ForeignKey(["b"], "u"), _key(disabled_on=UNKNOWN), ["unknown"]),
    (ForeignKey(["b"], "u", "cascade"), _key(on_delete=UNKNOWN), ["unknown"]),
    (ForeignKey(["b"], "u(id)"), _key(target_columns=UNKNOWN), ["unknown"]),
]


@pytest.mark.parametrize(("stated", "actual", "rules"), FOREIGN_KEYS)
def test_foreign_key_when_compared_then_its_rule_is_told(stated, actual, rules):
    target = objects.Table("public", "u", "u", kind="table", primary_key=objects.Key("pk", ("id",)))

    assert (
        _judge(Table("t", foreign_keys=[stated]), _table(foreign_keys=(actual,)), target) == rules
    )


def test_foreign_key_when_its_target_is_not_seen_then_the_table_s_name_is_enough():
    table = Table("t", foreign_keys=[ForeignKey(["b"], "u")])

    assert _judge(table, _table(foreign_keys=(_key(),))) == []


def test_foreign_key_when_its_columns_stand_in_another_order_then_it_is_the_same():
    actual = objects.ForeignKey(
        "fk", ("b", "c"), "t", ("x", "y"), on_delete="no action", validated=True
    )
    table = _table(foreign_keys=(actual,))

    assert _judge(Table("t", foreign_keys=[ForeignKey(["c", "b"], "t(y, x)")]), table) == []
    assert _judge(Table("t", foreign_keys=[ForeignKey(["c", "b"], "t(x, y)")]), table) == [
        "wrong-foreign-key"
    ]


def test_foreign_key_when_innodb_says_restrict_then_no_action_is_the_same():
    table = Table("t", foreign_keys=[ForeignKey(["b"], "t", "no action")])
    key = objects.ForeignKey("fk", ("b",), "t", ("a",), on_delete="restrict", validated=True)

    assert _judge(table, _table(foreign_keys=(key,)), vendor="mysql") == []
    assert _judge(table, _table(foreign_keys=(key,))) == ["wrong-foreign-key"]


CHECKS = [
    ("ck", objects.Check("ck", "a > 0"), []),
    ("other", objects.Check("ck", "a > 0"), ["missing-check"]),
    (Check(expression="A > 0"), objects.Check("ck", "(a > 0)"), []),
    (Check(expression="a > 1"), objects.Check("ck", "a > 0"), ["missing-check"]),
    (Check(expression="a > 1"), objects.Check("ck", UNKNOWN), ["unknown"]),
    (Check("ck", "a > 1"), objects.Check("ck", "a > 0"), ["wrong-check"]),
    ("ck", objects.Check("ck", "a > 0", validated=False), ["not-valid"]),
    (Check("ck", valid=False), objects.Check("ck", "a > 0", validated=False), []),
    ("ck", objects.Check("ck", "a > 0", False, enforced=False), ["not-enforced"]),
    (Check("ck", valid=False), objects.Check("ck", "a > 0", False, False), ["not-enforced"]),
    (Check("ck", enforced=False), objects.Check("ck", "a > 0", False, enforced=False), []),
    (Check("ck", enforced=False), objects.Check("ck", "a > 0", validated=False), []),
    (Check(expression="a > 0"), objects.Check("", "a > 0", validated=False), ["not-valid"]),
    ("ck", objects.Check("ck", "a > 0", validated=UNKNOWN), ["unknown"]),
]


@pytest.mark.parametrize(("stated", "actual", "rules"), CHECKS)
def test_check_when_compared_then_its_rule_is_told(stated, actual, rules):
    assert _judge(Table("t", checks=[stated]), _table(checks=(actual,))) == rules


def test_table_when_it_is_missing_then_all_that_hangs_on_it_shares_one_violation():
    table = Table(
        "t", [Column("a", "int", null=False)], primary_key=["a"], unique=[["b"]], exact=True
    )

    assertions = compare(Contract([table]), _snapshot())

    assert [assertion.id for assertion in assertions] == [
        "t::exists",
        "t::a::exists",
        "t::a::type",
        "t::a::null",
        "t::exact",
        "t::unique(b)",
        "t::primary_key(a)",
    ]
    assert {assertion.verdict for assertion in assertions} == {Verdict.VIOLATED}
    assert len({assertion.violation for assertion in assertions}) == 1


def test_table_when_it_is_missing_then_a_name_like_it_is_told_unless_too_many_are():
    there = [objects.Table("public", f"users{n}", f"users{n}", "table") for n in range(200)]
    tables = [Table(f"user{n}") for n in range(200)]

    few = compare(Contract(tables[7:8]), _snapshot(*there))
    many = compare(Contract(tables), _snapshot(*there))

    assert few[0].violation.hint == 'There is a "users7".'
    assert [bool(assertion.violation.hint) for assertion in many] == [True] * MAX_SUGGESTIONS + [
        False
    ] * (200 - MAX_SUGGESTIONS)


def test_ids_when_the_database_differs_then_they_do_not():
    table = Table("t", [Column("a", "int", null=False)], checks=["ck"], indexes=[["b"]])
    unreadable = _snapshot(unknown=(Unknown("t", "", "permission denied"),))

    ids = [
        [assertion.id for assertion in compare(Contract([table]), snapshot)]
        for snapshot in (_snapshot(), _snapshot(_table()), unreadable)
    ]

    assert ids[0] == ids[1] == ids[2]


def test_table_when_it_cannot_be_read_then_all_is_unknown_for_that_reason():
    snapshot = _snapshot(unknown=(Unknown("t", "", "permission denied"),))

    assertions = compare(Contract([Table("t", [Column("a", "int")])]), snapshot)

    assert [assertion.unknown for assertion in assertions] == ["permission denied"] * 3


def test_table_when_only_its_columns_cannot_be_read_then_they_are_unknown_for_that_reason():
    snapshot = _snapshot(
        _table(columns=UNKNOWN), unknown=(Unknown("t", "columns", "locked by another session"),)
    )
    contract = Contract([Table("t", [Column("a", "int")])], absent_columns=[AbsentColumn("t", "z")])

    assertions = compare(contract, snapshot)

    assert [
        (assertion.id, assertion.unknown)
        for assertion in assertions
        if assertion.verdict is not Verdict.KEPT
    ] == [
        ("t::a::exists", "locked by another session"),
        ("t::a::type", "locked by another session"),
        ("t::z::absent", "locked by another session"),
    ]


def test_table_when_it_has_more_columns_then_only_exact_minds():
    assert _judge(Table("t", [Column("a")]), _table()) == []
    assert _judge(Table("t", [Column("a")], exact=True), _table()) == ["extra-column"]


def test_table_when_it_is_a_view_then_only_models_do_not_mind_and_columns_and_types_count():
    view = _table(kind="view")
    stated = {"columns": [Column("a", "text", null=False)], "unique": [["b"]]}

    assert _judge(Table("t", **stated), view) == ["wrong-kind"]
    assert _judge(Table("t", or_view=True, **stated), view) == ["wrong-type"]


@pytest.mark.parametrize(
    ("kind", "materialized", "rules"),
    [
        ("view", None, set()),
        ("materialized view", None, set()),
        ("view", False, set()),
        ("view", True, {"wrong-kind"}),
        ("table", None, {"wrong-kind"}),
    ],
)
def test_view_when_compared_then_its_kind_counts(kind, materialized, rules):
    contract = Contract(views=[View("t", [Column("a", "int")], materialized)])

    assertions = compare(contract, _snapshot(_table(kind=kind)))

    assert {assertion.violation.rule for assertion in assertions if assertion.violation} == rules


def test_view_when_its_columns_state_more_than_a_type_then_that_is_unknown():
    view = View("t", [Column("a", "int", null=False, default="1")])

    assertions = compare(Contract(views=[view]), _snapshot(_table(kind="view")))

    assert [assertion.id for assertion in assertions if assertion.verdict is Verdict.UNKNOWN] == [
        "t::a::null",
        "t::a::default",
    ]


def test_view_when_it_is_missing_then_it_is_named():
    assertions = compare(Contract(views=[View("v")]), _snapshot())

    assert [assertion.violation.rule for assertion in assertions] == ["missing-view"]


def test_names_when_the_vendor_folds_case_then_columns_are_found():
    table = _table(folds_case=True, indexes=(_index("b"),))

    stated = Table("t", [Column("A", "integer")], indexes=[["B"]], primary_key=["A"])
    assert _judge(stated, table, vendor="sqlite") == []


def test_server_objects_when_compared_then_each_has_its_rule():
    snapshot = _snapshot(
        _table(),
        enums=(objects.Enum("public", "mood", "mood", ("sad", "happy")),),
        extensions=(objects.Extension("citext", "1.10"),),
    )
    contract = Contract(
        enums=[Enum("mood", ["happy", "sad"]), Enum("size"), Enum("public.mood", ["sad", "happy"])],
        extensions=["citext", Extension("citext", "1.9"), Extension("citext", "1.11"), "hstore"],
        absent_tables=["t", "old"],
        absent_columns=[AbsentColumn("t", "a"), AbsentColumn("t", "z"), AbsentColumn("old", "a")],
    )

    assertions = compare(contract, snapshot)

    assert {
        assertion.id: assertion.violation.rule for assertion in assertions if assertion.violation
    } == {
        "enums::mood::values": "wrong-enum",
        "enums::size::exists": "missing-enum",
        "extensions::citext::version": "wrong-version",
        "extensions::hstore::exists": "missing-extension",
        "t::absent": "present-table",
        "t::a::absent": "present-column",
    }


def test_server_objects_when_the_vendor_has_none_then_they_are_unknown():
    contract = Contract(enums=[Enum("mood")], extensions=["citext"])

    assertions = compare(contract, _snapshot(vendor="sqlite"))

    assert [assertion.unknown for assertion in assertions] == ["sqlite has none"] * 2


def test_server_objects_when_they_cannot_be_read_then_they_are_unknown_for_that_reason():
    snapshot = _snapshot(
        enums=UNKNOWN, extensions=UNKNOWN, unknown=(Unknown("", "enums", "permission denied"),)
    )

    assertions = compare(Contract(enums=[Enum("mood", ["sad"])]), snapshot)

    assert {assertion.unknown for assertion in assertions} == {"permission denied"}


def test_contract_when_exact_then_other_tables_are_named_but_not_our_own():
    own = objects.Table("public", "applied_migrations", "applied_migrations", kind="table")
    contract = Contract([Table("t")], exact=True, source="c.toml:1")

    kept = compare(contract, _snapshot(_table(), own))
    other = objects.Table("public", "other", "other", kind="table")
    broken = compare(contract, _snapshot(_table(), own, other))

    assert [assertion.verdict for assertion in kept] == [Verdict.KEPT] * 2
    assert broken[-1].violation.rule == "extra-table"
    assert broken[-1].violation.actual == "other"


def test_contract_when_exact_then_tables_of_a_stated_extension_do_not_count():
    of_extension = objects.Table("public", "spatial", "spatial", "table", extension="postgis")
    tables = _snapshot(_table(), of_extension)

    for extensions, verdict in ((["postgis"], Verdict.KEPT), ([], Verdict.VIOLATED)):
        contract = Contract([Table("t")], extensions=extensions, exact=True)
        assert compare(contract, tables)[-1].verdict is verdict


def test_violation_when_a_column_has_no_owner_then_its_table_s_is_named():
    table = Table(
        "t",
        [Column("a", "text"), Column("b", "text", owner="b", reason="why b", source="c.toml:3")],
        owner="team",
        reason="why t",
        source="c.toml:1",
    )

    violations = [
        assertion.violation for assertion in compare(Contract([table]), _snapshot(_table()))
    ]

    assert [
        (violation.owner, violation.reason, violation.source)
        for violation in violations
        if violation
    ] == [
        ("team", "why t", "c.toml:1"),
        ("b", "why b", "c.toml:3"),
    ]


def test_only_when_a_table_is_named_then_the_rest_is_left_out():
    contract = Contract([Table("users"), Table("orders")], migrations=["0001_a"])

    assert [table.name for table in contract.only(["users"]).tables] == ["users"]
    assert contract.only(["users"]).migrations == ()
    with pytest.raises(CannotTell, match='Did you mean "users"'):
        contract.only(["user"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Unique("ab"),
        lambda: Table("t", unique=["ab"]),
        lambda: Index("a"),
        lambda: ForeignKey("a", "b"),
    ],
)
def test_declare_when_a_text_stands_for_a_list_then_it_is_refused(make):
    with pytest.raises(TypeError, match="is a list of names"):
        make()


def test_declare_when_an_exclusion_has_neither_name_nor_definition_then_it_is_refused():
    with pytest.raises(ValueError, match="needs a name or a definition"):
        Exclusion()
