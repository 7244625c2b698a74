"""The same SQL in another dress: white space, comments, the case of keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, scan

if TYPE_CHECKING:
    from random import Random

GAPS = (" ", "\n    ", "\t", " /* so */ ", "  -- so\n  ")
# Words that no schema here uses as a name.
_WORDS = """
ADD AFTER ALTER ALWAYS AND AS BEFORE BEGIN BETWEEN BY CASCADE CHECK COLLATE CONSTRAINT CREATE
DEFAULT DEFERRABLE DELETE DESC DO EACH END EVERY EXECUTE FOR FOREIGN FROM FUNCTION GENERATED
IF IN INDEX INSERT INTO IS NEW NOT NULL OLD ON OR PRIMARY PROCEDURE REFERENCES RETURN ROW
SELECT SET STORED TABLE THEN TRIGGER UNIQUE UPDATE VALUES VIEW VIRTUAL WHEN WHERE WITH
"""
KEYWORDS = frozenset(_WORDS.split())


def redress(sql: str, vendor: str, random: Random) -> str:
    """Return the SQL with other gaps and comments, and each keyword in a case chosen by chance."""
    # The arguments of a virtual table are read by its module.
    gaps = GAPS[:1] if "VIRTUAL TABLE" in sql else GAPS
    texts = []
    for token in scan(sql, expression_dialect(vendor)):
        if token.kind is Kind.COMMENT and token.text.startswith("--"):
            texts.append(f"{token.text}\n")
        elif token.kind is Kind.SPACE:
            texts.append(random.choice(gaps))
        elif token.kind is Kind.WORD and token.text.upper() in KEYWORDS:
            texts.append(random.choice((token.text.upper(), token.text.lower())))
        else:
            texts.append(token.text)
    return "".join(texts)
