"""The two digests: what an edit is, and that the history of 0.1 keeps its meaning."""

import pytest

from migration_guard.planning.digests import checksum, fingerprint, is_fingerprint
from tests.planning import history_of_0_1

PG, LITE, MY = "postgresql", "sqlite", "mysql"
_OTHER_LINES = (
    "transaction = off",
    "lock_timeout = 0",
    "statement_timeout = 1min",
    "requires = auth.0001_initial",
    "rerun = safe",
    "formerly = 0001_a",
    "replaces = 0001_a",
    "allow = near-miss, only a comment",
    "something = that a later version knows",
)
SAME = {
    "comments": ("SELECT 1", "-- a\nSELECT /* b */ 1;\n-- c\n", PG),
    "white space": ("SELECT  a\t,b", "SELECT a,\n\nb\n", PG),
    "case of words": ("SELECT a FROM B", "select A from b", PG),
    "terminators": ("SELECT 1;\n;\nSELECT 2", "SELECT 1; SELECT 2;;", PG),
    "line ends": ("SELECT 1\n, 2;\n", "SELECT 1\r, 2;\r", PG),
    "MySQL's comments": ("SELECT 1 # a", "SELECT 1 -- b", MY),
    "order and names of environments": (
        "-- guard: environments = production, test\nSELECT 1",
        "-- guard: environments = Test,PROD\nSELECT 1",
        PG,
    ),
    "words for environments": (
        "-- DEV/TEST ONLY\nSELECT 1",
        "-- guard: environments = dev, test\nSELECT 1",
        PG,
    ),
    **{line: ("SELECT 1", f"-- guard: {line}\nSELECT 1", PG) for line in _OTHER_LINES},
    "value of a directive": (
        "-- guard: lock_timeout = 5s\nSELECT 1",
        "-- guard: lock_timeout = 6s\nSELECT 1",
        PG,
    ),
}
OTHER = {
    "string": ("SELECT 'a'", "SELECT 'A'", PG),
    "quoted name": ('SELECT "a"', 'SELECT "A"', PG),
    "space in a string": ("SELECT 'a b'", "SELECT 'a  b'", PG),
    "body": ("DO $$BEGIN END$$", "DO $$BEGIN  END$$", PG),
    "COPY data": ("COPY a FROM stdin;\n1\n\\.\n", "COPY a FROM stdin;\n2\n\\.\n", PG),
    "normal form": ("SELECT 'é'", "SELECT 'e\u0301'", PG),
    "no-break space": ("SELECT 1", "SELECT\u00a01", PG),
    "zero-width space": ("SELECT a", "SELECT a\u200b", PG),
    "letter of another script": ("SELECT a", "SELECT \u0430", PG),
    "comment that is executed": ("SELECT 1 /*! + 1 */", "SELECT 1 /*! + 2 */", MY),
    "comment that is executed or not": ("SELECT 1", "SELECT 1 /*! + 1 */", MY),
    "hint": ("SELECT /*+ a */ 1", "SELECT /*+ b */ 1", MY),
    "environments": (
        "-- guard: environments = dev\nSELECT 1",
        "-- guard: environments = dev, test\nSELECT 1",
        PG,
    ),
    "environments taken out": ("-- guard: environments = production\nSELECT 1", "SELECT 1", PG),
    "words for environments taken out": ("-- DEV/TEST ONLY\nSELECT 1", "SELECT 1", PG),
    "environment that no setting names": (
        "-- guard: environments = moon\nSELECT 1",
        "-- guard: environments = mars\nSELECT 1",
        PG,
    ),
    "statements": ("SELECT 1; SELECT 2", "SELECT 1 SELECT 2", LITE),
    "tokens": ("SELECT ab", "SELECT a b", LITE),
}
RECORDED = [(vendor, name) for vendor, texts in history_of_0_1.TEXTS.items() for name in texts]


@pytest.mark.parametrize(("one", "other", "vendor"), SAME.values(), ids=SAME)
def test_fingerprint_when_only_its_look_is_edited_is_the_same(one, other, vendor):
    assert fingerprint(one, vendor) == fingerprint(other, vendor)


@pytest.mark.parametrize(("one", "other", "vendor"), OTHER.values(), ids=OTHER)
def test_fingerprint_when_its_meaning_is_edited_is_another(one, other, vendor):
    assert fingerprint(one, vendor) != fingerprint(other, vendor)


def test_fingerprint_has_its_version_and_fits_the_column():
    assert fingerprint("SELECT 1", PG).startswith("v2:")
    assert len(fingerprint("SELECT 1", PG)) == 64


@pytest.mark.parametrize(("vendor", "name"), RECORDED)
def test_fingerprint_of_0_1_is_recognized(vendor, name):
    text, digests = history_of_0_1.TEXTS[vendor][name], history_of_0_1.read()[vendor][name]

    assert digests["checksum"] == checksum(text)
    assert is_fingerprint(digests["fingerprint"], text, vendor)
    assert is_fingerprint(digests["fingerprint"], f"{text}\n-- a comment\n", vendor)
    assert not is_fingerprint(digests["fingerprint"], f"{text}\n;SELECT 'more'", vendor)


def test_fingerprint_of_a_later_version_is_none_of_ours():
    assert not is_fingerprint("v3:" + fingerprint("SELECT 1", PG)[3:], "SELECT 1", PG)
