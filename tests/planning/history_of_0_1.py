"""The history that version 0.1 wrote: texts of migrations, and the digests that it stored of them.

The digests are those of commit 59d484b. To record them again, run in a clone that has the commit:

    uv run python -m tests.planning.history_of_0_1
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COMMIT = "59d484b"
RECORD = Path(__file__).with_suffix(".json")
_HEADER = """\
-- Preferences, and why they are here.
-- guard: environments = prod, staging
-- guard: transaction = off
-- guard: lock_timeout = 5s
-- guard: requires = auth.0012_alter_user_first_name_max_length
-- guard: allow = drop-column, dropped from the code in release 41
"""
_COMMON = {
    "0001_plain": "CREATE TABLE a (id integer, Name VARCHAR(20) DEFAULT 'It''s -- no comment');\n",
    "0002_directives": _HEADER + "ALTER TABLE a ADD COLUMN b integer;\n",
    "0003_dev_words": "-- DEV/TEST ONLY\nINSERT INTO a (id) VALUES (1);\n",
    "0004_comments": "/* one */ SELECT 1; -- two\n\n\n  /* three\n*/\nSELECT 2\n",
    "0005_letters": "-- é →\nCREATE TABLE Größe (id integer);\nINSERT INTO a VALUES (1, '→ é');\n",
    "0006_operators": "UPDATE a SET id = id+1 - -1 WHERE id<>3 AND id >= .5e3 OR Name = '';;\n",
    "0007_secret": "-- guard: lock_timeout = 1s\nINSERT INTO u (password) VALUES ('s3cret');\n",
    "0008_long": "-- as a dump\n" + "INSERT INTO a VALUES (1, 'a row');\n" * 9000,
    "0009_no_statement": "-- guard: allow = empty\n-- nothing to do\n",
}
_POSTGRESQL = {
    "0010_bodies": "CREATE FUNCTION f() RETURNS int AS $b$ BEGIN; RETURN 1; END $b$ LANGUAGE plpgsql;\n"
    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\nSELECT E'\\'', $1;\n",
    "0011_copy": "COPY a (id, name) FROM stdin;\n1\tone -- row\n2\tTWO\n\\.\nSELECT 3;\n",
    "0012_strings": "SET standard_conforming_strings = off;\nSELECT 'a\\'; b', U&'\\0041';\n"
    "SET standard_conforming_strings = on;\nSELECT 'a\\', \"Q\"\"q\", 'a'\n  'b';\n",
    "0013_nested": "SELECT /* a /* b */ c */ 1::int, a @> b, x'1F', $tag$ it's $tag$;\n",
    "0014_begin": "BEGIN;\nCREATE INDEX i ON a (id) WHERE id > 0;\nCOMMIT;\n",
}
_SQLITE = {
    "0010_trigger": "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;\n",
    "0011_names": "SELECT [a b], `c`, \"d\", x'1f', a->>'$.b' FROM a -- end",
}
_MYSQL = {
    "0010_executable": "/*!40101 SET NAMES utf8 */;\nSELECT /*+ NO_ICP(a) */ 1 # comment\n;\n",
    "0011_delimiter": "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//\n"
    "DELIMITER ;\nSELECT 'it\\'s', \"two\", `three`;\n",
    "0012_body": "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN\n  SET @a = 1;\nEND;\n",
}
TEXTS: dict[str, dict[str, str]] = {
    "postgresql": _COMMON | _POSTGRESQL,
    "sqlite": _COMMON | _SQLITE,
    "mysql": _COMMON | _MYSQL,
}
# Why 0.1 did not store the SQL: a secret, more than 256 KiB.
NOT_STORED = {"0007_secret", "0008_long"}


def read() -> dict[str, dict[str, dict[str, Any]]]:
    """Return checksum and fingerprint of each text as 0.1 stored them, by vendor and id."""
    record: dict[str, dict[str, dict[str, Any]]] = json.loads(RECORD.read_text())
    return record


def record() -> None:
    """Write down what the functions of 0.1 return for each text."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(root), "archive", COMMIT, "migration_guard"]
        archive = subprocess.run(git, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        answer = subprocess.run(
            [sys.executable, "-c", _ASK],
            cwd=folder,
            input=json.dumps(TEXTS),
            text=True,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    RECORD.write_text(json.dumps(json.loads(answer), indent=1) + "\n")


# Runs with the code of 0.1 alone.
_ASK = """
import json, sys
from migration_guard.planning.digests import checksum, fingerprint
print(json.dumps({
    vendor: {
        name: {"checksum": checksum(text), "fingerprint": fingerprint(text, vendor)}
        for name, text in texts.items()
    }
    for vendor, texts in json.load(sys.stdin).items()
}))
"""

if __name__ == "__main__":
    record()
