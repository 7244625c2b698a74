"""Lines of TOML keys: every spelling of a key, and every path that tomllib sees."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.contracts.toml_lines import Lines, read_toml

CASES = {
    "bare": ("a = 1\nb = 2", {("a",): 1, ("b",): 2}),
    "comments and blank lines": ("# x = 1\n\n  a = 1 # b = 2\n\tc=2", {("a",): 3, ("c",): 4}),
    "quoted": ('"a.b" = 1\n\'c d\' = 2\n"" = 3', {("a.b",): 1, ("c d",): 2, ("",): 3}),
    "escaped": ('"a\\"b\\u00e9" = 1', {('a"bé',): 1}),
    "dotted": (
        'a.b = 1\na . "c.d" = 2',
        {("a",): 1, ("a", "b"): 1, ("a", "c.d"): 2},
    ),
    "a table": (
        "[a]\nb = 1\n[ c . 'd' ]\ne = 1",
        {("a",): 1, ("a", "b"): 2, ("c",): 3, ("c", "d"): 3, ("c", "d", "e"): 4},
    ),
    "an array of tables": (
        "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\nf = 4",
        {
            ("a",): 1,
            ("a", 0): 1,
            ("a", 0, "b"): 2,
            ("a", 1): 3,
            ("a", 1, "b"): 4,
            ("a", 1, "c"): 5,
            ("a", 1, "c", "d"): 6,
            ("a", 1, "e"): 7,
            ("a", 1, "e", 0): 7,
            ("a", 1, "e", 0, "f"): 8,
        },
    ),
    "an inline table": (
        'a = { b = 1, "c" = "}", d.e = [2] }\nf = {}',
        {
            ("a",): 1,
            ("a", "b"): 1,
            ("a", "c"): 1,
            ("a", "d"): 1,
            ("a", "d", "e"): 1,
            ("a", "d", "e", 0): 1,
            ("f",): 2,
        },
    ),
    "an array over lines": (
        'a = [ # ]\n  ["x",\n   "y"],\n  { b = 1 },\n]\nc = []',
        {
            ("a",): 1,
            ("a", 0): 2,
            ("a", 0, 0): 2,
            ("a", 0, 1): 3,
            ("a", 1): 4,
            ("a", 1, "b"): 4,
            ("c",): 6,
        },
    ),
    "strings that look like keys": (
        'a = """\n[x]\ny = \\"\\"\\" 1"""\nb = \'\'\'\n[z]\'\'\'\nc = "#"\nd = \'\\\'\ne = """"q""""\nf = 1',
        {("a",): 1, ("b",): 4, ("c",): 6, ("d",): 7, ("e",): 8, ("f",): 9},
    ),
    "scalars": (
        "a = 1979-05-27 07:32:00Z\nb = -inf\r\nc = [1.5, 0x1F, true]",
        {("a",): 1, ("b",): 2, ("c",): 3, ("c", 0): 3, ("c", 1): 3, ("c", 2): 3},
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_lines_when_a_key_is_spelt_in_any_way_then_it_has_its_line(text, expected):
    document = tomllib.loads(text)

    lines = Lines(text)

    assert {path: lines.of(path) for path in _paths(document)} == expected


def test_lines_when_a_path_is_nowhere_then_what_it_would_stand_in_has_the_line():
    lines = Lines("\n[a]\nb = 1")

    assert lines.of(("a", "c")) == 2
    assert lines.of(()) == 1


KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=4) | st.sampled_from(
    ["a", "b", "[a]", "a.b", "#", "'", '"', "\\"]
)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.randoms(use_true_random=False))
def test_lines_when_a_text_is_valid_then_every_path_has_a_line(document, random):
    text = "".join(_write((), document, random))

    lines = Lines(text)

    assert tomllib.loads(text) == document
    rows = text.split("\n")
    for path in _paths(document):
        if isinstance(path[-1], str):
            assert _quote(path[-1])[1:-1] in rows[lines.of(path) - 1]


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.randoms(use_true_random=False))
def test_read_when_a_text_is_damaged_then_tomllib_says_what_it_is(document, random):
    text = "".join(_write((), document, random))

    for damaged in (text, *(_damage(text, random) for _ in range(5))):
        assert _outcome(_read, damaged) == _outcome(tomllib.loads, damaged)


PLAIN = "a = { b = 1 }\n"
INVALID = {
    "a key twice": f"{PLAIN}{PLAIN}",
    "a key twice, apart": f"{PLAIN}c = 1\n{PLAIN}",
    "a key of an inline table": f"{PLAIN}a.c = 1\n",
    "a table that is a value": f"{PLAIN}[a]\n",
    "a table in a value": f"{PLAIN}[a.c]\n",
    "an array that is a value": "a = [\n  [1],\n]\n[[a]]\n",
    "two on a line": f"c = 1 {PLAIN}",
    "a value twice on a line": f"a = {{ b = 1 }} {PLAIN}",
    "a known value behind a header": f"{PLAIN}[c] d = {{ b = 1 }}\n",
    "a known value and more": f"{PLAIN}c = {{ b = 1 }} d = {{ b = 1 }}\n",
    "a known value and a bracket at the end": f"{PLAIN}c = {{ b = 1 }}}}",
    "a known value of a key in German": f"{PLAIN}ä = {{ b = 1 }}\n",
    "a known value without a key": f"{PLAIN} = {{ b = 1 }}\n",
    "a value that is none": "a = { b = }\n",
    "a key twice in a value": "a = { b = 1, b = 2 }\n",
    "a control character in a comment": f"{PLAIN}# \x01\n",
    "a carriage return in a value": "a = { b = 1\r }\n",
    "a comma too many": "a = [\n  [1],\n  ,\n]\n",
    "an open text": f'c = """\n{PLAIN}',
    "an open array": f"c = [\n{PLAIN}",
    "no value": "c =\n",
    "a header that does not end": f"[c\n{PLAIN}",
}


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID.keys())
def test_read_when_a_text_is_invalid_then_the_error_is_that_of_tomllib(text):
    with pytest.raises(tomllib.TOMLDecodeError) as expected:
        tomllib.loads(text)

    with pytest.raises(tomllib.TOMLDecodeError) as error:
        read_toml(text)

    assert str(error.value) == str(expected.value)


def test_read_when_plain_lines_stand_between_others_then_the_order_is_that_of_the_text():
    text = (
        "[t]\nz = { a = 1 }\ny.b = 1\nx = [\n  [1],\n  { c = 2 },\n]\nw = 1 # no\nv = true\n[t.u]"
    )

    document, lines = read_toml(text)

    assert list(document["t"]) == ["z", "y", "x", "w", "v", "u"]
    assert [lines.of(("t", "x", number)) for number in range(2)] == [5, 6]
    assert lines.of(("t", "v")) == 9


def _read(text):
    return read_toml(text)[0]


def _outcome(read, text):
    """Return the document as text, since that tells the order, or the error."""
    try:
        return json.dumps(read(text))
    except tomllib.TOMLDecodeError as error:
        return str(error)


def _damage(text, random):
    """Drop, double or swap a part of a text, or put a foreign character into it."""
    start, end = sorted(random.choices(range(len(text) + 1), k=2))
    if random.random() < 0.5:
        lines = text.splitlines(keepends=True)
        random.shuffle(lines)
        return "".join(lines + random.choices(lines, k=1) if lines else lines)
    part = random.choice(["", text[start:end] * 2, *'"=[]{},#\n\r\x01'])
    return text[:start] + part + text[end:]


def _paths(value, here=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*here, key)
        if isinstance(inner, dict | list):
            yield from _paths(inner, (*here, key))


def _write(here, table, random):
    """Write a document as a person would, at random: headers, dotted keys and inline tables."""
    later = []
    for key, value in table.items():
        if isinstance(value, dict) and value and random.random() < 0.5:
            later.append((key, value))
        elif isinstance(value, dict) and len(value) == 1 and random.random() < 0.5:
            ((inner, last),) = value.items()
            yield f"{_quote(key)} . {_quote(inner)} = {_inline(last, random)}\n"
        else:
            name = key if key in {"a", "b"} else _quote(key)
            yield f"{name} = {_inline(value, random)}{random.choice(['', ' # [x]'])}\n"
    for key, value in later:
        path = (*here, key)
        yield f"\n[{' . '.join(map(_quote, path))}]\n"
        yield from _write(path, value, random)


def _inline(value, random):
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_quote(k)} = {_inline(v, random)}" for k, v in value.items()) + " }"
        )
    if isinstance(value, list):
        gap = random.choice([" ", "\n  ", " # , ]\n"])
        return "[" + "".join(f"{gap}{_inline(one, random)}{gap}," for one in value) + gap + "]"
    return _quote(value) if isinstance(value, str) else json.dumps(value)


def _quote(key):
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")
