"""Statements as a usage file keeps them: one JSON object a line, without any value.

Pure. The first line names the format, and how many statements follow. A statement that cannot be
checked has the reason, and no text where its values would be in it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.vendors import VENDORS

_FORMAT: Final = "migration_guard_usage"
_VERSION: Final = 1
MAX_CALLERS: Final = 5
UNTYPED: Final = "unknown"


class Parameter(NamedTuple):
    """The type that the driver sends for a parameter, and the type that the server takes it for.

    Both are names as PostgreSQL writes them; ``taken`` is "" where no server told.
    """

    sent: str = UNTYPED
    taken: str = ""


def widest(copies: Iterable[Sequence[Parameter]]) -> tuple[Parameter, ...]:
    """Return the parameters of a statement that came with several types.

    A typed value tells more than an untyped one, and a wide number more than a narrow one.
    """
    return tuple(max(parameters, key=_width) for parameters in zip(*copies, strict=False))


# From the narrowest one on.
_NUMBERS: Final = ("smallint", "integer", "bigint", "numeric")


def _width(parameter: Parameter) -> tuple[int, Parameter]:
    if parameter.sent == UNTYPED:
        return -1, parameter
    is_number = parameter.sent in _NUMBERS
    return (_NUMBERS.index(parameter.sent) if is_number else len(_NUMBERS)), parameter


class Column(NamedTuple):
    """A column of a result; ``type`` is "" where the server does not tell."""

    name: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One distinct statement. ``callers`` are functions, as ``shop/views.py:TopicList.get``.

    ``sql`` has the server's own placeholders. ``unchecked`` says why nothing can check it.
    ``database`` is the alias that it is sent to, "" where that is not known.
    """

    digest: str
    vendor: str
    sql: str
    callers: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    columns: tuple[Column, ...] = ()
    unchecked: str = ""
    database: str = ""

    def sent_to(self, database: str) -> "Statement":
        """Return the statement as one that is sent to an alias, and is another for each."""
        id_ = digest(self.vendor, f"{database}\0{self.digest}")
        return replace(self, digest=id_, database=database)

    @property
    def order(self) -> tuple[str, str]:
        """The sort key of a file: its lines keep their places when another is added."""
        return self.vendor, self.digest

    def can_be_asked(self, vendor: str) -> bool:
        """Return True if a server of this vendor can tell something of it."""
        return self.vendor == vendor and not self.unchecked


def digest(vendor: str, normal_form: str) -> str:
    """Return the id of a statement: 16 hexadecimal digits."""
    return sha256(f"{vendor}\0{normal_form}".encode()).hexdigest()[:16]


def dump(statements: Iterable[Statement], most_callers: int | None = MAX_CALLERS) -> str:
    """Return the text of a usage file; a worker hands over all callers."""
    documents = [_to_json(statement, most_callers) for statement in statements]
    lines = [{_FORMAT: _VERSION, "statements": len(documents)}, *documents]
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def read(path: Path) -> list[Statement]:
    """Read a usage file. Raises CannotTell for one that is none."""
    remedy = "Write it with pytest --record-usage=FILE, by this release of migration_guard."
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotTell(f"{path} cannot be read: {error.strerror}.", remedy) from error
    except UnicodeDecodeError as error:
        raise CannotTell(f"{path} is no usage file: it is not UTF-8.", remedy) from error
    except ValueError as error:
        raise CannotTell(f"{path}{error}.", remedy) from error


def parse(text: str) -> list[Statement]:
    """Return the statements of a usage file. Raises ValueError with the line that is none."""
    # Not splitlines(): JSON keeps U+2028 and the like as they are.
    head, *lines = text.split("\n")
    if not text.strip():
        raise ValueError(" is empty, and no usage file")
    count = _read_head(head)
    statements = []
    for number, line in enumerate(lines, 2):
        try:
            if line.strip():
                statements.append(_from_json(json.loads(line)))
        # A deep nesting raises RecursionError.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(
                f":{number} is no line of a usage file: the file is damaged"
            ) from error
    if len(statements) != count:
        raise ValueError(f" has {len(statements)} of {count} statements: the file is damaged")
    return statements


def _read_head(head: str) -> int:
    """Return how many statements a file has. Raises ValueError for a line that says none."""
    try:
        document = json.loads(head)
        version = document[_FORMAT]
        count = int(document["statements"]) if version == _VERSION else 0
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(":1 is no line of a usage file") from error
    if version != _VERSION:
        raise ValueError(
            f" has the format {version} of usage files, and this release reads {_VERSION}"
        )
    return count


def _to_json(statement: Statement, most_callers: int | None) -> dict[str, Any]:
    document = asdict(statement)
    document["callers"] = statement.callers[:most_callers]
    return {key: value for key, value in document.items() if value}


def _from_json(document: dict[str, Any]) -> Statement:
    """Return a statement. Raises an error for a document that is none."""
    sql = str(document.get("sql", ""))
    if document["vendor"] not in VENDORS or "\0" in sql:
        raise ValueError
    sql.encode()  # no half of a character
    return Statement(
        digest=str(document["digest"]),
        vendor=str(document["vendor"]),
        sql=sql,
        callers=tuple(map(str, document.get("callers", ()))),
        parameters=tuple(Parameter(*map(str, pair)) for pair in document.get("parameters", ())),
        columns=tuple(Column(*map(str, pair)) for pair in document.get("columns", ())),
        unchecked=str(document.get("unchecked", "")),
        database=str(document.get("database", "")),
    )
