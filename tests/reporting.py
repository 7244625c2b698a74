"""The schemas of all reports; the fixtures hold each report that a test asks for against them."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource

import migration_guard

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(migration_guard.__file__).parent / "schemas"
SCHEMAS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
# The published schema, 2.1.0-rtm.5, as the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT)
# ships it.
SARIF = Path(__file__).parent / "reports" / "sarif-2.1.0.json"
# What makes no report, whatever the format, and so prints none.
WITHOUT_REPORT = {"--write", "--write-sizes", "--explain", "--output"}


def validate(command: str, value: Any) -> None:
    """Raise ValidationError unless ``value`` is what the command's JSON Schema describes."""
    _validator(command).validate(value)


def validate_sarif(log: Any) -> None:
    """Raise ValidationError unless ``log`` is SARIF 2.1.0."""
    _sarif().validate(log)


def hold(args: Sequence[str], code: int, out: str, err: str) -> None:
    """Hold what a command printed, of whatever outcome, against the schema of its format."""
    command, *options = map(str, args)
    if command not in SCHEMAS or WITHOUT_REPORT & set(options):
        return
    asked = {form for form in ("json", "sarif") if _follows(options, "--format", form)}
    # The parser refused an option, or the process was killed: there was nobody to report.
    if not asked or (not out and (code < 0 or "usage: " in err)):
        return
    if asked == {"json"}:
        waits = "--check" in options and "--wait" in options
        validate("readiness" if waits else command, json.loads(out))
    else:
        validate_sarif(json.loads(out))


def _follows(options: Sequence[str], option: str, value: str) -> bool:
    return any(pair == (option, value) for pair in pairwise(options))


@cache
def _validator(command: str) -> Draft202012Validator:
    registry = Registry().with_resources(
        (f"{name}.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
    )
    return Draft202012Validator(SCHEMAS[command], registry=registry)


@cache
def _sarif() -> Any:
    schema = json.loads(SARIF.read_text("utf-8"))
    return validator_for(schema)(schema)
