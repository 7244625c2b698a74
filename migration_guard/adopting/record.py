"""``_adopted.json``, which says what each migration was called by the tool that it comes from.

It lies beside the files. The database step reads it instead of the tool's own folder.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any, Final

from migration_guard.exceptions import CannotTell
from migration_guard.planning import regular_files

RECORD: Final = "_adopted.json"
_VERSION: Final = 1


@dataclass(frozen=True)
class AdoptedFile:
    """A migration that was taken over: the tool's key and checksum, our id and fingerprint."""

    key: str
    checksum: str
    id: str
    fingerprint: str


@dataclass(frozen=True)
class Source:
    """What was taken over from one tool.

    ``table`` is "" for the tool's usual one. ``columns`` are those of the key and of the time,
    where the user names them. ``vendor`` is that of the fingerprints.
    """

    tool: str
    vendor: str
    table: str = ""
    columns: tuple[str, ...] = ()
    migrations: tuple[AdoptedFile, ...] = ()

    def renamed(self, names: Mapping[str, str]) -> "Source":
        """Return the source with the ids that its migrations have now."""
        migrations = (replace(item, id=names.get(item.id, item.id)) for item in self.migrations)
        return replace(self, migrations=tuple(migrations))

    def is_like(self, other: "Source") -> bool:
        """Return whether both are of one tool's one table."""
        return (self.tool, self.table) == (other.tool, other.table)


def read(folders: Iterable[Path]) -> list[Source]:
    """Return all that was taken over into these folders. Raises CannotTell for a broken file."""
    sources: list[Source] = []
    for path in dict.fromkeys(folder / RECORD for folder in folders):
        try:
            sources += _parse(path, regular_files.read_bytes(str(path)))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CannotTell(
                f"{path} cannot be read: {error.strerror or error}.",
                "Make it readable for the user who runs the migrations.",
            ) from error
    return sources


def add(sources: Sequence[Source], new: Source) -> list[Source]:
    """Return ``sources`` with ``new``, whose migrations follow those of the same table."""
    like = next((source for source in sources if source.is_like(new)), None)
    if like is None:
        return [*sources, new]
    grown = replace(like, migrations=(*like.migrations, *new.migrations))
    return [grown if source is like else source for source in sources]


def render(sources: Sequence[Source]) -> str:
    """Return the text of the file."""
    fields = {"version": _VERSION, "sources": [asdict(source) for source in sources]}
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def _parse(path: Path, raw: bytes) -> list[Source]:
    try:
        document = json.loads(raw)
        if document["version"] != _VERSION:
            raise CannotTell(
                f"{path} has version {document['version']!r}, and this app knows {_VERSION}.",
                "Install the version of the app that wrote it, or a later one.",
            )
        return [_source(fields) for fields in document["sources"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CannotTell(
            f"{path} cannot be read: {error!r}.",
            "Restore it from version control; makesqlmigration --from wrote it.",
        ) from error


def _source(fields: dict[str, Any]) -> Source:
    migrations = tuple(AdoptedFile(**migration) for migration in fields["migrations"])
    source = Source(**{**fields, "columns": tuple(fields["columns"]), "migrations": migrations})
    texts = [source.tool, source.vendor, source.table, *source.columns]
    texts += [text for migration in migrations for text in astuple(migration)]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a value is not a text")
    for names in ([item.key for item in migrations], [item.id for item in migrations]):
        if len(set(names)) < len(names):  # a merge kept both; one of them would be passed over
            raise ValueError(f"{max(names, key=names.count)} is in it twice")
    return source
