"""All that a page says can be said in another language, and German says all of it."""

from __future__ import annotations

import ast
import gettext
import json
import re
from pathlib import Path

import pytest
from django.template import Engine
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation

import migration_guard
from tests.admin.conftest import AUDIT
from tests.admin.test_detail import visible

ROOT = Path(migration_guard.__file__).parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MODULES = [*sorted((ROOT / "admin").glob("*.py")), ROOT / "models.py", ROOT / "apps.py"]
LOCALE = ROOT / "locale" / "de" / "LC_MESSAGES"
CONTEXT = "\x04"  # what gettext puts between a context and its message
TAG = re.compile(
    r"{% block bodyclass %}.*?{% endblock %}|{%\s*blocktranslate.*?endblocktranslate\s*%}"
    r"|{%.*?%}|{{.*?}}",
    re.DOTALL,
)


def catalogue():
    with (LOCALE / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def known(found, context, message, plural=""):
    key = f"{context}{CONTEXT}{message}" if context else message
    return bool(found.get((key, 1)) if plural else found.get(key))


def messages_of_template(path):
    template = Engine(
        libraries={
            "i18n": "django.templatetags.i18n",
            "l10n": "django.templatetags.l10n",
            "static": "django.templatetags.static",
            "admin_list": "django.contrib.admin.templatetags.admin_list",
            "admin_urls": "django.contrib.admin.templatetags.admin_urls",
        }
    ).from_string(path.read_text(encoding="utf-8"))
    for node in template.nodelist.get_nodes_by_type(TranslateNode):
        context = node.message_context
        yield (context.resolve({}) if context else ""), node.filter_expression.var.literal, ""
    for node in template.nodelist.get_nodes_by_type(BlockTranslateNode):
        singular = node.render_token_list(node.singular)[0]
        plural = node.render_token_list(node.plural)[0] if node.plural else ""
        yield "", singular, plural


def messages_of_module(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if node.func.id in ("_", "gettext", "gettext_lazy"):
            yield "", texts[0], ""
        elif node.func.id in ("pgettext", "pgettext_lazy"):
            yield texts[0], texts[1], ""
        elif node.func.id == "ngettext":
            yield "", texts[0], texts[1]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_when_read_holds_no_word_outside_a_translation(path):
    text = TAG.sub("", path.read_text(encoding="utf-8"))

    attributes = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', text)
    rest = re.sub(r"&\w+;", "", re.sub(r"<[^>]*>", "", text))
    assert [attribute for attribute in attributes if re.search(r"[A-Za-z]", attribute)] == []
    assert re.findall(r"[A-Za-z]{2,}", rest) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_when_translated_is_known_in_german(path):
    entries = catalogue()

    missing = [message for message in messages_of_template(path) if not known(entries, *message)]

    assert missing == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module_when_translated_is_known_in_german(path):
    entries = catalogue()

    missing = [message for message in messages_of_module(path) if not known(entries, *message)]

    assert missing == []


def test_templates_and_modules_when_searched_hold_the_messages_we_know():
    """The searches above see what is there."""
    messages = [message for path in TEMPLATES for message in messages_of_template(path)]
    messages += [message for path in MODULES for message in messages_of_module(path)]

    assert len(messages) > 150
    assert ("", "The file now", "") in messages
    assert ("state", "out of order", "") in messages
    assert any(plural for _context, _message, plural in messages)


def test_catalogue_when_compiled_is_that_of_the_source():
    text = (LOCALE / "django.po").read_text(encoding="utf-8")

    def joined(block, key):
        match = re.search(rf'^{re.escape(key)} ((?:".*"\n?)+)', block, re.MULTILINE)
        return "".join(json.loads(line) for line in match[1].splitlines()) if match else None

    source = {}
    for block in text.split("\n\n")[1:]:
        context, message = joined(block, "msgctxt"), joined(block, "msgid")
        key = f"{context}{CONTEXT}{message}" if context else message
        if joined(block, "msgid_plural") is None:
            source[key] = joined(block, "msgstr")
        else:
            source[key, 0], source[key, 1] = joined(block, "msgstr[0]"), joined(block, "msgstr[1]")

    compiled = {key: text for key, text in catalogue().items() if key}
    assert source == compiled
    assert all(source.values())


def test_pages_when_the_language_is_german_keep_no_english_sentence(
    sqlite, admin, migrations, settings
):
    files = {"0001_a.sql": "CREATE TABLE a (id int);", "0002_b.sql": "CREATE TABLE b (id int);"}
    site = admin(files)
    migrations({"0001_a.sql": "CREATE TABLE a (id bigint);", "0003_c.sql": "SELECT 1;"})
    english = {key for key, text in catalogue().items() if isinstance(key, str) and key != text}
    sentences = [key for key in english if " " in key and "%" not in key and CONTEXT not in key]
    settings.LANGUAGE_CODE = "de"
    translation.activate("de")
    try:
        pages = [
            visible(site.text(path))
            for path in ("", "status/", "timeline/", "0001_a/change/", "0002_b/change/", AUDIT)
        ]
    finally:
        translation.deactivate()

    assert "Die Datei jetzt" in pages[3]
    assert "≠ geändert" in pages[0]
    assert [sentence for sentence in sentences for page in pages if f" {sentence} " in page] == []
