# ruff: noqa: INP001, SLF001 - Sphinx finds it by its path; argparse tells its parts to nobody else
"""Writes the parts of the reference that the code knows already, so that nothing is said twice.

A page asks by a comment on a line of its own::

    <!-- generated: command runsqlmigrations -->

and gets Markdown in its place before it is parsed. A comment that asks for something unknown stops
the build.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from django.core.management import load_command_class
from django.core.management.base import DjangoHelpFormatter
from sphinx.application import Sphinx

from migration_guard import conf
from migration_guard.contracts import RULES
from migration_guard.fresh import drift
from migration_guard.linter import registry

COMMENT = re.compile(r"^<!-- generated: (\S+) ?(.*?) -->$", re.MULTILINE)
# What every command of Django has.
USUAL = {
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color",
    "force_color", "skip_checks",
}  # fmt: skip
PACKAGE = resources.files("migration_guard")


def expand(text: str) -> str:
    """Return a page with what it asks for in the places where it asks."""
    return COMMENT.sub(lambda match: GENERATORS[match[1]](match[2]), text)


# -- commands


def command(name: str) -> str:
    """Return a command's help, usage and options, as its parser has them."""
    loaded = load_command_class("migration_guard", name)
    parser = loaded.create_parser("manage.py", name)
    shown = [action for action in parser._actions if action.dest not in USUAL]
    usage = argparse.ArgumentParser(
        prog=f"manage.py {name}", add_help=False, formatter_class=DjangoHelpFormatter
    )
    usage._actions = shown
    usage._mutually_exclusive_groups = parser._mutually_exclusive_groups
    lines = [loaded.help, "", "```text", usage.format_usage().strip(), "```"]
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action in shown]
        if actions:
            named = group.title not in {"positional arguments", "options"}
            lines += ["", f"*{group.title}*" if named else "", "", *_table(map(_option, actions))]
    return "\n".join(lines)


def _option(action: argparse.Action) -> tuple[str, str]:
    spelt = ", ".join(f"`{_spelt(action, option)}`" for option in action.option_strings)
    help_ = (action.help or "") % {"default": action.default}
    return spelt or f"`{action.metavar or action.dest}`", help_


def _spelt(action: argparse.Action, option: str) -> str:
    if action.nargs == 0:
        return option
    metavar = action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}"
    return f"{option} {metavar}" + (" …" if action.nargs == "+" else "")


# -- settings, rules


def default(key: str) -> str:
    """Return the sentence that gives the default of a setting."""
    value = conf.DEFAULTS[key]
    return f"Default: `{list(value) if isinstance(value, tuple) else value!r}`."


def rules(_: str) -> str:
    """Return the pages of all rules of the static guard, as sections."""
    return "\n".join(_as_section(rule.page) for rule in registry.rules().values())


def _as_section(page: str) -> str:
    """Return a page one level lower; an example may hold lines that only look like headings."""
    lines, code = [], False
    for line in page.splitlines():
        code ^= line.startswith("```")
        if line.startswith("## ") and not code:
            # The same on each page, so no target for links.
            lines.append(f"**{line[3:]}**")
        else:
            lines.append(f"#{line}" if line.startswith("# ") and not code else line)
    return "\n".join([*lines, ""])


def rule_table(_: str) -> str:
    """Return a table of the rules with a sentence each."""
    known = registry.rules().values()
    return "\n".join(_table(((f"[`{r.slug}`](#{r.slug})", r.meaning) for r in known), "rule"))


def contract_rules(_: str) -> str:
    """Return a table of what a violation can be."""
    return "\n".join(_table(((f"`{k}`", v) for k, v in {**RULES, **drift.RULES}.items()), "rule"))


# -- JSON Schemas


def schema(name: str) -> str:
    """Return a table of the keys of a JSON report."""
    found = _schema(name)
    return "\n".join(_table(_keys(found, ""), "key"))


def contract(_: str) -> str:
    """Return what a contract file may say: a table a section, and one a clause."""
    found = _schema("contract")
    lines = _table(((f"`{k}`", _said(v, found)) for k, v in found["properties"].items()), "section")
    for name, definition in found["definitions"].items():
        form = _long_form(definition)
        if form is not None:
            what = definition.get("description", "")
            short = _short_form(definition)
            lines += ["", f"### {name.replace('_', ' ')}", ""]
            lines += [" ".join(filter(None, (what, short))), ""]
            keys = form["properties"].items()
            lines += _table(((f"`{key}`", _said(value, found)) for key, value in keys), "key")
    return "\n".join(lines)


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text("utf-8"))
    return found


def _resolved(value: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in value:
        return value
    file, _, pointer = value["$ref"].partition("#/")
    found: Any = _schema(file.removesuffix(".json")) if file else document
    for part in pointer.split("/"):
        found = found[part]
    return dict(found)


def _keys(found: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in found["properties"].items():
        one = _resolved(value, found)
        yield f"`{prefix}{key}`", _described(one)
        if one.get("type") == "array":
            inner = _resolved(one["items"], found)
            if "properties" in inner:
                yield from _keys(inner, f"{prefix}{key}[].")
        elif "properties" in one:
            yield from _keys(one, f"{prefix}{key}.")


def _described(one: Mapping[str, Any]) -> str:
    told = one.get("description", "")
    if "enum" in one:
        told += f" One of {', '.join(f'`{each}`' if each else 'empty' for each in one['enum'])}."
    return told.strip()


def _said(value: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    return _described(value) or _described(_resolved(value, document))


def _long_form(definition: Mapping[str, Any]) -> Mapping[str, Any] | None:
    forms = [definition, *definition.get("anyOf", [])]
    return next((form for form in forms if "properties" in form), None)


def _short_form(definition: Mapping[str, Any]) -> str:
    forms = [form for form in definition.get("anyOf", []) if "properties" not in form]
    shorts = [form for form in forms if "required" not in form]
    if not shorts:
        return ""
    listed = shorts[0].get("type") == "array"
    return "In short: the list alone." if listed else "In short: the text alone."


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
}


def _on_source_read(app: Sphinx, _docname: str, content: list[str]) -> None:
    if COMMENT.search(content[0]):
        content[0] = expand(content[0])
        # What it is made of is code, so such a page is made anew each time.
        app.env.note_reread()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("source-read", _on_source_read)
    return {"parallel_read_safe": True, "version": str(Path(__file__).stat().st_mtime)}
