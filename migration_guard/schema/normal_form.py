"""PostgreSQL's printed SQL in one normal form, where the server itself has several.

Pure. A dump and its restore, or another release, print one meaning in another way: AND and OR
chains lose brackets, the cast of an ARRAY moves to its elements, and functions with a syntax of
their own are written as calls. Texts that differ here may still mean the same.

Sources: PostgreSQL's ruleutils.c (get_func_sql_syntax), gram.y (func_expr_common_subexpr).
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from migration_guard.schema.spelling import words

# A token, or the bracket that opens a group and what is in it.
Node: TypeAlias = "str | tuple[str, tuple[Node, ...]]"
Nodes: TypeAlias = tuple["Node", ...]

_CLOSING: Final = {"(": ")", "[": "]"}
_QUERIES: Final = frozenset({"select", "with", "values", "table"})
# Words between which and an operator no bracket changes anything.
_BEFORE_CHAIN: Final = frozenset({"where", "on", "having", "when", "then", "else", "check", ","})
_AFTER_CHAIN: Final = frozenset(
    {"then", "else", "end", "group", "order", "having", "limit", "union", "window", "left"}
    | {"join", "inner", "right", "full", "cross", "for", "offset", "fetch", "intersect", ","}
    | {"except", ";", "when"}
)
# What may follow the first word of a type's name.
_TYPE_WORDS: Final = frozenset({"varying", "precision", "with", "without", "time", "zone", "."})
_TRIMS: Final = {"both": "btrim", "leading": "ltrim", "trailing": "rtrim"}
# Words between the arguments of a function, in their order; others are arguments too.
_SEPARATORS: Final = {
    "overlay": ("placing", "from", "for"),
    "substring": ("from", "similar", "for", "escape"),
    "xmlexists": ("passing",),
}
_NORMAL_FORMS: Final = frozenset({"nfc", "nfd", "nfkc", "nfkd"})
_VALUES: Final[dict[str, Nodes]] = {
    "current_timestamp": ("now", ("(", ())),
    "transaction_timestamp": ("now",),
    "current_role": ("current_user",),
    "user": ("current_user",),
}


def normal_form(text: str) -> Nodes:
    """Return the tree of an expression or statement; equal trees have one meaning."""
    nodes, _end = _read(words(text, "postgresql"), 0)
    return _unwrap(_normalize(nodes))


def _read(tokens: Sequence[str], start: int) -> tuple[Nodes, int]:
    """Return the nodes up to the bracket that closes the group, and its position."""
    nodes: list[Node] = []
    position = start
    while position < len(tokens) and tokens[position] not in {")", "]"}:
        token = tokens[position]
        if token in _CLOSING:
            inside, position = _read(tokens, position + 1)
            nodes.append((token, inside))
        else:
            nodes.append(token)
        position += 1
    return tuple(nodes), position


def _normalize(nodes: Nodes) -> Nodes:
    """Return the nodes of one group in their normal form."""
    inside: list[Node] = []
    for node in nodes:
        if isinstance(node, str):
            inside.append(node)
            continue
        group = _arguments(_normalize(node[1]))
        is_operator = _spelled_operator(node[1]) is not None
        inside += group if is_operator else [(node[0], group)]
    for step in (_spell_values, _spell_calls, _cast_elements, _flatten, _spell_operators):
        inside = list(step(inside))
    return tuple(inside)


def _arguments(nodes: Nodes) -> Nodes:
    """Drop the brackets around a whole argument."""
    parts = [_unwrap(part) for part in _split(nodes, {","})]
    return _join(parts)


def _unwrap(nodes: Nodes) -> Nodes:
    """Drop the brackets around the whole, unless they make a row or a subquery."""
    while len(nodes) == 1 and not isinstance(nodes[0], str) and nodes[0][0] == "(":
        inside = nodes[0][1]
        if not inside or "," in inside or inside[0] in _QUERIES:
            break
        nodes = inside
    return nodes


def _split(nodes: Sequence[Node], separators: set[str]) -> list[Nodes]:
    parts: list[list[Node]] = [[]]
    for node in nodes:
        if isinstance(node, str) and node in separators:
            parts.append([])
        else:
            parts[-1].append(node)
    return [tuple(part) for part in parts]


def _join(parts: Sequence[Nodes]) -> Nodes:
    joined: list[Node] = []
    for number, part in enumerate(parts):
        joined += [","] * bool(number) + [*part]
    return tuple(joined)


def _call(name: str, *arguments: Nodes) -> Nodes:
    return name, ("(", _join([_unwrap(argument) for argument in arguments]))


def _spell_values(nodes: Sequence[Node]) -> Iterator[Node]:
    for position, node in enumerate(nodes):
        follows = nodes[position + 1] if position + 1 < len(nodes) else ""
        is_precise = node == "current_timestamp" and not isinstance(follows, str)
        is_name = position > 0 and nodes[position - 1] == "."
        if isinstance(node, str) and node in _VALUES and not (is_precise or is_name):
            yield from _VALUES[node]
        else:
            yield node


# -- functions with a syntax of their own


def _spell_calls(nodes: Sequence[Node]) -> Iterator[Node]:
    """Write TRIM, EXTRACT, OVERLAY, POSITION, SUBSTRING and their like as calls."""
    position = 0
    while position < len(nodes):
        node = nodes[position]
        follows = nodes[position + 1] if position + 1 < len(nodes) else None
        if isinstance(node, str) and isinstance(follows, tuple) and follows[0] == "(":
            call = _spell_call(node, follows[1])
            if call is not None:
                yield from call
                position += 2
                continue
        if nodes[position : position + 2] == ["collation", "for"]:
            yield "pg_collation_for"
            position += 2
            continue
        yield node
        position += 1


def _spell_call(name: str, inside: Nodes) -> Nodes | None:
    if name == "trim":
        return _spell_trim(inside)
    if name == "extract" and inside[1:2] == ("from",):
        field = f"'{inside[0]}'"
        return _call("extract", (field, "::", "text"), inside[2:])
    if name == "position" and "in" in inside:
        part, *whole = _split(inside, {"in"})
        return _call("position", *whole, part) if len(whole) == 1 else None
    if name == "normalize" and isinstance(inside[-1], str) and inside[-1] in _NORMAL_FORMS:
        return _call("normalize", inside[:-2], (f"'{inside[-1].upper()}'", "::", "text"))
    separators = _SEPARATORS.get(name)
    if separators is not None and set(separators) & {node for node in inside if type(node) is str}:
        parts = _split(inside, {*separators})
        if "from" not in inside and "for" in inside:  # SUBSTRING(a FOR 3) begins at 1
            parts.insert(1, ("1",))
        return _call(name, *parts)
    return None


def _spell_trim(inside: Nodes) -> Nodes | None:
    side = inside[0] if inside and isinstance(inside[0], str) else ""
    if side not in _TRIMS or "from" not in inside:
        return None
    characters, text = _split(inside[1:], {"from"})[:2]
    return _call(_TRIMS[side], text, *([characters] if characters else []))


def _spell_operators(nodes: Sequence[Node]) -> Nodes:
    return _spelled_operator(nodes) or tuple(nodes)


def _spelled_operator(nodes: Sequence[Node]) -> Nodes | None:
    """Return AT TIME ZONE, IS NORMALIZED or OVERLAPS as a call; their operands fill the group."""
    for operator in (("at", "time", "zone"), ("at", "local")):
        size = len(operator)
        places = [at for at in range(len(nodes)) if tuple(nodes[at : at + size]) == operator]
        if len(places) == 1 and not {",", *_QUERIES} & _texts(nodes):
            value, zone = tuple(nodes[: places[0]]), tuple(nodes[places[0] + size :])
            return _call("timezone", *([zone] if zone else []), value)
    match nodes:
        case [("(", first), "overlaps", ("(", second)]:
            return _call("overlaps", first, second)
        case [*text, "is", str(form), "normalized"] if form in _NORMAL_FORMS:
            return _call("is_normalized", tuple(text), (f"'{form.upper()}'", "::", "text"))
    return None


def _texts(nodes: Sequence[Node]) -> set[str]:
    return {node for node in nodes if isinstance(node, str)}


# -- arrays


def _cast_elements(nodes: Sequence[Node]) -> Iterator[Node]:
    """Move the cast of an ARRAY to its elements: (ARRAY[a])::text[] is ARRAY[(a)::text]."""
    position = 0
    while position < len(nodes):
        elements = _array(nodes[position])
        if elements is not None and nodes[position + 1 : position + 2] == ["::"]:
            end = _type_end(nodes, position + 2)
            if end is not None:
                name = tuple(nodes[position + 2 : end])
                casts = [_cast(_unwrap(part), name) for part in elements]
                yield from ("array", ("[", _join(casts)))
                position = end + 1
                continue
        yield nodes[position]
        position += 1


def _cast(value: Nodes, name: Nodes) -> Nodes:
    return ("(", value), "::", *name


def _array(node: Node) -> list[Nodes] | None:
    """Return the elements if a group holds one ARRAY of plain values and nothing else."""
    match node:
        case ("(", ("array", ("[", elements))) if elements and "array" not in elements:
            return _split(elements, {","})
    return None


def _type_end(nodes: Sequence[Node], start: int) -> int | None:
    """Return the position of the bracket pair behind a type's name; None where there is none."""
    position = start + 1
    while position < len(nodes):
        node = nodes[position]
        if node == ("[", ()):
            return position
        is_part = nodes[position - 1] == "." or (isinstance(node, str) and node in _TYPE_WORDS)
        if not (is_part or (isinstance(node, tuple) and node[0] == "(")):
            return None
        position += 1
    return None


# -- chains


def _flatten(nodes: Sequence[Node]) -> Sequence[Node]:
    """Drop brackets around a chain of AND (or of OR) within a chain of the same word."""
    position = 0
    flat = list(nodes)
    while position < len(flat):
        node = flat[position]
        word = _chain_word(node)
        if word is not None and _is_within_chain(flat, position, word):
            assert isinstance(node, tuple)  # noqa: S101 - only a group is a chain
            flat[position : position + 1] = node[1]
        else:
            position += 1
    return flat


def _chain_word(node: Node) -> str | None:
    """Return the word that alone connects the conditions of a group."""
    if isinstance(node, str) or node[0] != "(" or "," in node[1] or _QUERIES & _texts(node[1]):
        return None
    connecting = {text for text in _texts(node[1]) if text in {"and", "or"}}
    return connecting.pop() if len(connecting) == 1 and "between" not in node[1] else None


def _is_within_chain(nodes: Sequence[Node], position: int, word: str) -> bool:
    before = nodes[position - 1] if position else ","
    after = nodes[position + 1] if position + 1 < len(nodes) else ","
    is_between = before == "and" and "between" in nodes[:position]
    return (
        word in (before, after)
        and not is_between
        and (before == word or before in _BEFORE_CHAIN)
        and (after == word or after in _AFTER_CHAIN)
    )
