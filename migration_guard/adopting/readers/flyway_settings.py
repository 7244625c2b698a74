"""Flyway's settings that change what a file means, from ``flyway.conf`` and its like.

Sources: Flyway documentation, "Configuration Files", "Script Config Files", "Placeholders".
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from migration_guard.adopting.source_text import read_text
from migration_guard.adopting.tool import (
    ForeignProblem,
)

_PREFIX: Final = "flyway."
_PLACEHOLDERS: Final = "placeholders."


@dataclass(frozen=True)
class FlywaySettings:
    """How files are read; ``placeholders`` by their names in lower case."""

    placeholders: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "${"
    suffix: str = "}"
    is_replacing: bool = True
    in_transaction: bool = True

    def of_script(self, path: Path) -> "FlywaySettings":
        """Return the settings of one file, which may have a file ``X.sql.conf`` beside it."""
        beside = path.with_name(f"{path.name}.conf")
        if not beside.is_file():
            return self
        values = _read_properties(beside)
        if "shouldExecute" in values:
            raise ForeignProblem(
                f"{beside} says shouldExecute: whether {path.name} runs depends on the database, "
                "which a migration of ours does not know. Remove the line, or the file."
            )
        return replace(
            self,
            in_transaction=values.get("executeInTransaction", "true").lower() != "false",
            is_replacing=self.is_replacing
            and values.get("placeholderReplacement", "true").lower() != "false",
        )

    def replace_placeholders(self, text: str, path: Path) -> str:
        """Return ``text`` with the values of its placeholders. Raises ForeignProblem."""
        if not self.is_replacing:
            return text

        def value(match: re.Match[str]) -> str:
            name = match[1].lower()
            if name == "flyway:filename":
                return path.name
            if name not in self.placeholders:
                line = text.count("\n", 0, match.start()) + 1
                raise ForeignProblem(
                    f"{path}:{line} has the placeholder {match[0]}, and no flyway.conf or "
                    f"flyway.toml here gives its value. Write flyway.placeholders.{match[1]}=VALUE "
                    f"into {path.with_name('flyway.conf')}."
                )
            return self.placeholders[name]

        return self._pattern().sub(value, text)

    def used_placeholders(self, texts: Iterable[str]) -> list[str]:
        """Return the names of the placeholders that stand in ``texts``."""
        if not self.is_replacing:
            return []
        names = (match[1] for text in texts for match in self._pattern().finditer(text))
        return sorted(set(names))

    def _pattern(self) -> re.Pattern[str]:
        return re.compile(f"{re.escape(self.prefix)}(.*?){re.escape(self.suffix)}", re.DOTALL)


def read_settings(folder: Path) -> FlywaySettings:
    """Return the settings in the nearest files of ``folder`` and the folders above it."""
    values: dict[str, str] = {}
    for place in (folder.resolve(), *folder.resolve().parents):
        for name in ("flyway.conf", "conf/flyway.conf", "flyway.toml"):
            path = place / name
            if path.is_file():
                values = _read_toml(path) if path.suffix == ".toml" else _read_properties(path)
        if values or (place / ".git").exists():
            break
    settings = {key.removeprefix(_PREFIX): value for key, value in values.items()}
    return FlywaySettings(
        {
            key.removeprefix(_PLACEHOLDERS).lower(): value
            for key, value in settings.items()
            if key.startswith(_PLACEHOLDERS)
        },
        settings.get("placeholderPrefix", "${"),
        settings.get("placeholderSuffix", "}"),
        settings.get("placeholderReplacement", "true").lower() != "false",
        settings.get("executeInTransaction", "true").lower() != "false",
    )


def _read_properties(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in read_text(path).splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!")
    return {key.strip(): value.strip() for key, _equals, value in pairs}


def _read_toml(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(read_text(path)).get("flyway", {})
    except tomllib.TOMLDecodeError as error:
        raise ForeignProblem(f"{path} cannot be read: {error}.") from error
    return _flatten(table)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            values |= _flatten(value, f"{prefix}{key}.")
        else:
            is_flag = isinstance(value, bool)
            values[f"{prefix}{key}"] = str(value).lower() if is_flag else str(value)
    return values
