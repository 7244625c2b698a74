"""The same schema in other words: what must be told by nothing.

`sames` says the same to the server. `renamed` gives indexes and keys another name, and unique keys
another form, which no contract is about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, scan
from tests.laws.mutants import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Other names of a type or word.
ALIASES = {
    "postgresql": {
        "BIGINT": "int8",
        "BOOLEAN": "bool",
        "CHAR": "character",
        "INTEGER": "int4",
        "NUMERIC": "decimal",
        "REAL": "float4",
        "SMALLINT": "int2",
        "TIMESTAMPTZ": "timestamp with time zone",
        "VARCHAR": "character varying",
    },
    "mysql": {
        "BOOLEAN": "tinyint(1)",
        "DECIMAL": "numeric",
        "DOUBLE": "double precision",
        "INT": "integer",
        "VARCHAR": "character varying",
    },
    "sqlite": {"INTEGER": "Integer", "TEXT": "TEXT", "VARCHAR": "VARCHAR"},
}
# A pattern, and what says the same.
REWRITES = {
    "": [
        (r"<>", "!="),
        (r"\bCHECK \((.+?)\)(?=[,\n)]| CON)", r"CHECK ((\1))"),
        (r"\bDEFAULT ('\w*'|\d+)(?=[ ,\n)])", r"DEFAULT (\1)"),
        (r"\bREFERENCES (\w+ \([\w, ]+\))(?! [OMD])", r"REFERENCES \1 ON DELETE NO ACTION"),
        (r"(CREATE INDEX [^(]+\(\w+)\b(?= *[,)])", r"\1 ASC"),
    ],
    "postgresql": [
        (r"\bWHERE ([^()]+?)$", r"WHERE (\1)"),
        (r"\b([abc]|price|code|region)\b(?= (?:[<>=]|BETWEEN))", r"(\1)"),
        (r"\bIN \('a', 'b'\)", "= ANY (ARRAY['a', 'b'])"),
        (r"(\w+) BETWEEN (\w+) AND (\w+)", r"\1 >= \2 AND \1 <= \3"),
        (r"\blower\((\w+)\)", r"lower((\1)::text)"),
        (r"\bnow\(\)", "CURRENT_TIMESTAMP"),
        (r"(CREATE INDEX \w+ ON [\w.]+) \(", r"\1 USING btree ("),
        (r"\b(code|region|price|owner|made)\b", r'"\1"'),
        (r"\bFROM (facts|items)\b", r"FROM public.\1"),
    ],
    "mysql": [
        (r"\bWHERE ([^()]+?)$", r"WHERE (\1)"),
        (r"\b([abc]|price|code|region)\b(?= (?:[<>=]|BETWEEN))", r"(\1)"),
        (r"\b(code|region|price|owner|made)\b", r"`\1`"),
        (r"\bcurrent_timestamp\((\d)\)", r"now(\1)"),
        (r"\bDEFAULT NULL\b", ""),
        (r"\bON DELETE NO ACTION\b", "ON DELETE RESTRICT"),
    ],
    "sqlite": [
        (r"\b(code|region|price|owner|made)\b", r'"\1"'),
        (r"\b(code|region|price|owner|made)\b", r"[\1]"),
        (r"\bDEFAULT NULL\b", ""),
        (r"\b(STORED|VIRTUAL)\b", r" \1"),
    ],
}
# What the server keeps as it was written.
PROGRAM = r"CREATE (?:FUNCTION|PROCEDURE|TRIGGER|EVENT)\b"


def sames(statements: Sequence[str], vendor: str) -> Iterator[Mutant]:
    """Yield the schema with one statement in other words that mean the same."""
    for number, statement in enumerate(statements):
        for text in _other_words(statement, vendor):
            yield Mutant(number, f"{text}", text)


def _other_words(statement: str, vendor: str) -> Iterator[str]:
    tokens = list(scan(statement, expression_dialect(vendor)))
    for position, token in enumerate(tokens):
        alias = ALIASES[vendor].get(token.text.upper())
        if token.kind is Kind.WORD and alias:
            texts = [other.text for other in tokens]
            yield "".join([*texts[:position], alias, *texts[position + 1 :]])
    if re.match(PROGRAM, statement):
        return
    for pattern, text in [*REWRITES[""], *REWRITES[vendor]]:
        for match in re.finditer(pattern, statement):
            yield statement[: match.start()] + match.expand(text) + statement[match.end() :]


def renamed(statements: Sequence[str], vendor: str) -> Iterator[Mutant]:
    """Yield the schema with one index or key under another name, or in another form."""
    for number, statement in enumerate(statements):
        for match in re.finditer(
            r"(?<=\bINDEX )\w+(?= ON )|(?<=CONSTRAINT )\w+(?= (?:UNIQUE|PRIMARY|FOREIGN|REFER))",
            statement,
        ):
            text = statement[: match.start()] + "renamed" + statement[match.end() :]
            yield Mutant(number, f"{match[0]} renamed", text)
        table = re.match(r'CREATE TABLE ("?[\w.]+"?)', statement)
        for match in re.finditer(
            r",\s*(?:CONSTRAINT \w+ )?UNIQUE (?:KEY \w+ )?(\([\w, ]+\))(?=\s*[,)])", statement
        ):
            if table is not None and vendor != "mysql":
                index = f"CREATE UNIQUE INDEX formed ON {table[1]} {match[1]}"
                text = statement[: match.start()] + statement[match.end() :]
                yield Mutant(number, f"{match[0]} as an index", f"{text};\n--\n{index}")
