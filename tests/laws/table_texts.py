"""Single changes of a model's table, made of the text of its CREATE TABLE, and its indexes.

For MariaDB, whose server prints that text, and SQLite, which keeps it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Text(NamedTuple):
    """A table in other words, and whether the contract of its model must tell the change.

    `unless_served` names columns: the change is quiet where another index begins with them.
    """

    table: str
    what: str
    statements: tuple[str, ...]
    is_told: bool
    unless_served: tuple[str, ...] = ()


# A pattern of a column's definition, and what stands there instead.
TYPES = {
    "mysql": [
        (r" varchar\((\d+)\)", lambda match: f" varchar({int(match[1]) + 1})"),
        (r" char\((\d+)\)", lambda match: f" char({int(match[1]) + 1})"),
        (r" int\(\d+\)", " bigint(20)"),
        (r" bigint\(\d+\)", " int(11)"),
        (r" smallint\(\d+\)", " int(11)"),
        (r" tinyint\(1\)", " int(11)"),
        (r" longtext", " varchar(50)"),
        (r" datetime\(6\)", " datetime"),
        (r" double", " float"),
        (r" date(?= )", " datetime"),
        (r" uuid", " varchar(40)"),
        (r" decimal\(\d+,\d+\)", " decimal(31,7)"),
        (r" unsigned", ""),
    ],
    "sqlite": [
        (r'" (?:varchar|char)\(\d+\)', '" integer'),
        (r'" text', '" real'),
        (r'" (?:big|small)?(?:integer|int)(?: unsigned)?', '" text'),
        (r'" (?:datetime|date|time|decimal|bool)', '" text'),
        (r'" real', '" text'),
        (r'" bool', '" text'),
    ],
}
QUOTES = {"mysql": "`", "sqlite": '"'}


def texts(table: str, create: str, indexes: Sequence[str], vendor: str) -> Iterator[Text]:
    """Yield the changes of a table."""
    head, items, tail = _split(create)

    def text(
        what: str, changed: Sequence[str], *, is_told: bool = True, served: tuple[str, ...] = ()
    ) -> Text:
        made = f"{head}({', '.join(changed)}){tail}"
        return Text(table, what, (made, *indexes), is_told, served)

    quote = QUOTES[vendor]
    yield Text(table, "table dropped", (), is_told=True)
    yield text("column added", [f"{quote}extra{quote} int", *items], is_told=False)
    yield text("column that needs a value added", [f"{quote}extra{quote} int NOT NULL", *items])
    for number, item in enumerate(items):
        before, after = items[:number], items[number + 1 :]
        what = re.sub(r"\s+", " ", item)[:60]
        name = re.match(rf"{quote}([^{quote}]+){quote}", item)
        if name is None:
            for change, other, is_told, served in _of_constraint(item, quote):
                rest = [*before, *filter(None, [other]), *after]
                yield text(f"{what}: {change}", rest, is_told=is_told, served=served)
            continue
        rest = [*before, *after]
        if f"PRIMARY KEY ({name[0]})" in create:
            rest = [other for other in rest if not other.startswith("PRIMARY KEY")]
        yield text(f"{what}: dropped", rest)
        renamed = name[0].replace(name[1], f"{name[1]}_")
        yield Text(
            table,
            f"{what}: renamed",
            (create.replace(name[0], renamed), *(i.replace(name[0], renamed) for i in indexes)),
            is_told=True,
        )
        for change, other, is_told in _of_column(item, vendor, create):
            yield text(f"{what}: {change}", [*before, other, *after], is_told=is_told)
    yield from _of_indexes(table, create, indexes)


def _of_column(item: str, vendor: str, create: str) -> Iterator[tuple[str, str, bool]]:
    name = item.split(maxsplit=1)[0]
    is_key = "PRIMARY KEY" in item or re.search(rf"PRIMARY KEY \([^)]*{re.escape(name)}", create)
    if not is_key and "NOT NULL" in item:
        yield "NULL", item.replace("NOT NULL", "NULL", 1), True
    elif not is_key and "GENERATED" not in item:
        yield "NOT NULL", re.sub(r"( (?:DEFAULT )?NULL|$)", " NOT NULL", item, count=1), True
    for pattern, other in TYPES[vendor]:
        if re.search(pattern, item):
            yield "type", re.sub(pattern, other, item, count=1), True
            break
    if "AUTO_INCREMENT" in item:
        yield "no number", item.replace(" AUTO_INCREMENT", ""), True
    if "AUTOINCREMENT" in item:
        yield "no AUTOINCREMENT", item.replace(" AUTOINCREMENT", ""), False
        yield "no rowid", item.replace(" AUTOINCREMENT", "").replace(" integer", " int"), True
    if "REFERENCES" in item:
        reference = item[item.index("REFERENCES") :]
        yield "no reference", item.replace(f" {reference}", ""), True
        words = " DEFERRABLE INITIALLY DEFERRED"
        yield "cascades", item.replace(words, f" ON DELETE CASCADE{words}"), True
        yield "says NO ACTION", item.replace(words, f" ON DELETE NO ACTION{words}"), False
        yield "is immediate", item.replace(words, ""), True
    if " UNIQUE" in item:
        yield "not unique", item.replace(" UNIQUE", ""), True


def _of_constraint(item: str, quote: str) -> Iterator[tuple[str, str, bool, tuple[str, ...]]]:
    group = item[item.index("(") : item.index(")") + 1] if "(" in item else ""
    columns = tuple(re.findall(rf"{quote}([^{quote}]+){quote}", group))
    renamed = re.sub(
        rf"\b(KEY|CONSTRAINT) {quote}[^{quote}]+{quote}", rf"\1 {quote}other{quote}", item, count=1
    )
    if item.startswith("PRIMARY KEY"):
        yield "dropped", "", True, ()
    elif item.startswith("UNIQUE KEY"):
        yield "dropped", "", True, ()
        yield "not unique", item.removeprefix("UNIQUE "), True, ()
        yield "renamed", renamed, False, ()
        if len(columns) > 1:
            turned = ",".join(f"{quote}{name}{quote}" for name in reversed(columns))
            yield "turned round", item.replace(group, f"({turned})"), True, ()
    elif item.startswith("KEY"):
        yield "dropped", "", True, columns
        yield "renamed", renamed, False, ()
    elif "FOREIGN KEY" in item:
        yield "dropped", "", True, ()
        yield "renamed", renamed, False, ()
        yield "cascades", f"{item} ON DELETE CASCADE", True, ()
        yield "says RESTRICT", f"{item} ON DELETE RESTRICT", False, ()
    elif item.startswith("CONSTRAINT") and " UNIQUE " in item:
        yield "dropped", "", True, ()
        yield "renamed", renamed, False, ()
    elif item.startswith("CONSTRAINT") and " CHECK " in item and f"_check{quote}" not in item:
        yield "dropped", "", True, ()
        yield "true", re.sub(r"CHECK .*", "CHECK (1 = 1)", item, flags=re.DOTALL), True, ()


def _of_indexes(table: str, create: str, indexes: Sequence[str]) -> Iterator[Text]:
    """Yield the changes of SQLite's indexes, which are statements of their own."""
    for number, index in enumerate(indexes):
        rest = [*indexes[:number], *indexes[number + 1 :]]
        columns = tuple(re.findall(r'"([^"]+)"', index[index.index("(") :]))
        is_unique = "UNIQUE" in index.split("(")[0]
        served = () if is_unique or " WHERE " in index else columns
        what = index[:60]
        yield Text(table, f"{what}: dropped", (create, *rest), is_told=True, unless_served=served)
        renamed = re.sub(r'INDEX "[^"]+"', 'INDEX "other"', index)
        yield Text(table, f"{what}: renamed", (create, *rest, renamed), is_told=False)
        if is_unique:
            plain = index.replace("UNIQUE ", "")
            yield Text(table, f"{what}: not unique", (create, *rest, plain), is_told=True)
        if " WHERE " not in index:
            some = f"{index} WHERE 1 = 2"
            yield Text(table, f"{what}: of some rows", (create, *rest, some), True, served)


def _split(create: str) -> tuple[str, list[str], str]:
    """Return what stands before the brackets, their items, and what stands behind."""
    start = create.index("(")
    depth, items, item, quote = 0, [], "", ""
    for position in range(start, len(create)):
        char = create[position]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char == "(":
            depth += 1
            if depth == 1:
                continue
        elif char == ")":
            depth -= 1
            if not depth:
                items.append(item.strip())
                return create[:start], items, create[position + 1 :]
        elif char == "," and depth == 1:
            items.append(item.strip())
            item = ""
            continue
        item += char
    raise ValueError(create)
