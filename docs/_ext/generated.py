# ruff: noqa: INP001, SLF001 - Sphinx finds it by its path; argparse has no public list of its parts
"""Generates the parts of the reference that the code contains already.

A page has a comment on a line of its own::

    <!-- generated: command runsqlmigrations -->

and gets Markdown in its place before it is parsed. A comment with an unknown name stops the build.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

import messages
from django.core.management import load_command_class
from django.core.management.base import DjangoHelpFormatter
from sphinx.application import Sphinx

from migration_guard import conf
from migration_guard.linter import registry
from migration_guard.management.commands import checkschema

COMMENT: Final = re.compile(r"^<!-- generated: (\S+) ?(.*?) -->$", re.MULTILINE)
# The options that every command of Django has.
COMMON_OPTIONS: Final = {
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color",
    "force_color", "skip_checks",
}  # fmt: skip
PACKAGE: Final = resources.files("migration_guard")


def expand(text: str) -> str:
    """Return a page with generated text in place of its comments."""
    return COMMENT.sub(lambda match: GENERATORS[match[1]](match[2]), text)


# -- commands


def command(name: str) -> str:
    """Return a command's help, usage and options from its parser."""
    loaded = load_command_class("migration_guard", name)
    parser = loaded.create_parser("manage.py", name)
    own = [action for action in parser._actions if action.dest not in COMMON_OPTIONS]
    usage = argparse.ArgumentParser(
        prog=f"manage.py {name}", add_help=False, formatter_class=DjangoHelpFormatter
    )
    usage._actions = own
    usage._mutually_exclusive_groups = parser._mutually_exclusive_groups
    lines = [loaded.help, "", "```text", usage.format_usage().strip(), "```"]
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action in own]
        if actions:
            has_title = group.title not in {"positional arguments", "options"}
            title = f"*{group.title}*" if has_title else ""
            lines += ["", title, "", *_table(map(_option, actions))]
    return "\n".join(lines)


def _option(action: argparse.Action) -> tuple[str, str]:
    options = ", ".join(f"`{_usage(action, option)}`" for option in action.option_strings)
    help_ = (action.help or "") % {"default": action.default}
    return options or f"`{action.metavar or action.dest}`", help_


def _usage(action: argparse.Action, option: str) -> str:
    if action.nargs == 0:
        return option
    metavar = action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}"
    return f"{option} {metavar}" + (" …" if action.nargs == "+" else "")


# -- settings, rules


def default(key: str) -> str:
    """Return a sentence with the default of a setting."""
    value = conf.DEFAULTS[key]
    return f"Default: `{list(value) if isinstance(value, tuple) else value!r}`."


def rules(_: str) -> str:
    """Return the pages of all rules of the static guard, as sections."""
    return "\n".join(_as_section(rule.page) for rule in registry.rules().values())


def _as_section(page: str) -> str:
    """Return a page with its headings one level lower, except lines of code."""
    lines, code = [], False
    for line in page.splitlines():
        code ^= line.startswith("```")
        if line.startswith("## ") and not code:
            # No heading, since each page has the same ones and links would be ambiguous.
            lines.append(f"**{line[3:]}**")
        else:
            lines.append(f"#{line}" if line.startswith("# ") and not code else line)
    return "\n".join([*lines, ""])


def rule_table(_: str) -> str:
    """Return a table of the rules with a sentence for each."""
    rules = registry.rules().values()
    rows = ((f"[`{rule.slug}`](#{rule.slug})", rule.meaning) for rule in rules)
    return "\n".join(_table(rows, "rule"))


def contract_rules(_: str) -> str:
    """Return a table of the rules of violations."""
    rows = ((f"`{rule}`", sentence) for rule, sentence in checkschema.rule_meanings().items())
    return "\n".join(_table(rows, "rule"))


# -- JSON Schemas


def schema(name: str) -> str:
    """Return a table of the keys of a JSON report."""
    return "\n".join(_table(_keys(_schema(name), ""), "key"))


def contract(_: str) -> str:
    """Return a table of the sections of a contract file, and a table for each clause."""
    document = _schema("contract")
    sections = document["properties"].items()
    lines = _table(
        ((f"`{key}`", _description(value, document)) for key, value in sections), "section"
    )
    for name, definition in document["definitions"].items():
        form = _long_form(definition)
        if form is not None:
            description = definition.get("description", "")
            short = _short_form(definition)
            lines += ["", f"### {name.replace('_', ' ')}", ""]
            lines += [" ".join(filter(None, (description, short))), ""]
            keys = form["properties"].items()
            lines += _table(
                ((f"`{key}`", _description(value, document)) for key, value in keys), "key"
            )
    return "\n".join(lines)


def _schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text("utf-8"))
    return document


def _resolve(value: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in value:
        return value
    file, _, pointer = value["$ref"].partition("#/")
    target: Any = _schema(file.removesuffix(".json")) if file else document
    for part in pointer.split("/"):
        target = target[part]
    return dict(target)


def _keys(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in document["properties"].items():
        schema = _resolve(value, document)
        yield f"`{prefix}{key}`", _own_description(schema)
        if schema.get("type") == "array":
            items = _resolve(schema["items"], document)
            if "properties" in items:
                yield from _keys(items, f"{prefix}{key}[].")
        elif "properties" in schema:
            yield from _keys(schema, f"{prefix}{key}.")


def _description(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return the description of a schema, or of the one that it refers to."""
    return _own_description(schema) or _own_description(_resolve(schema, document))


def _own_description(schema: Mapping[str, Any]) -> str:
    text = schema.get("description", "")
    if "enum" in schema:
        values = ", ".join(f"`{value}`" if value else "empty" for value in schema["enum"])
        text += f" One of {values}."
    return text.strip()


def _long_form(definition: Mapping[str, Any]) -> Mapping[str, Any] | None:
    forms = [definition, *definition.get("anyOf", [])]
    return next((form for form in forms if "properties" in form), None)


def _short_form(definition: Mapping[str, Any]) -> str:
    forms = [form for form in definition.get("anyOf", []) if "properties" not in form]
    short = next((form for form in forms if "required" not in form), None)
    if short is None:
        return ""
    is_list = short.get("type") == "array"
    return "In short: the list alone." if is_list else "In short: the text alone."


def _table(rows: Any, head: str = "option") -> list[str]:
    escaped = ([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)
    body = [f"| {' | '.join(row)} |" for row in escaped]
    return [f"| {head} | meaning |", "|---|---|", *body]


GENERATORS: Mapping[str, Callable[[str], str]] = {
    "command": command,
    "default": default,
    "rules": rules,
    "rule-table": rule_table,
    "contract-rules": contract_rules,
    "schema": schema,
    "contract": contract,
    "messages": messages.render,
}


def _on_source_read(app: Sphinx, _docname: str, content: list[str]) -> None:
    if COMMENT.search(content[0]):
        content[0] = expand(content[0])
        # Changes of the code must change the page, so it is read anew for each build.
        app.env.note_reread()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the generators to Sphinx."""
    app.connect("source-read", _on_source_read)
    return {"parallel_read_safe": True, "version": str(Path(__file__).stat().st_mtime)}
