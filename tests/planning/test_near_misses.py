"""Comments that a reader takes for a directive, and comments that are only comments."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.planning.directives import parse
from migration_guard.planning.near_misses import edits, near_miss_problems
from migration_guard.problems import Problem, Severity

KNOWN = ("production", "staging", "test", "dev", "eu-1")

NON_PRODUCTION = "dev, eu-1, staging, test"


def near_misses(text: str) -> list[Problem]:
    own, _ = parse(text, KNOWN)
    return list(near_miss_problems(text, own, KNOWN))


DIRECTIVE_MEANT = [
    # (a) a word like guard, a word like a key, = or :
    ("-- gaurd: environments = dev", "environments = dev"),
    ("/* guard: environments = dev */", "environments = dev"),
    ("/*guard:environments=dev*/", "environments = dev"),
    ("/*\n * guard: environments = dev\n */", "environments = dev"),
    ("-- guards: environments = dev, test", "environments = dev, test"),
    ("-- guard environments = dev", "environments = dev"),
    ("-- guard; environments = dev", "environments = dev"),
    ("-- guard - environments: dev", "environments = dev"),
    ("--\u00a0guard: environments = dev", "environments = dev"),
    ("--\u2003guard: environments = dev", "environments = dev"),
    ("--\u200bguard: environments = dev", "environments = dev"),
    ("--\ufeff guard: environments = dev", "environments = dev"),
    ("\u00a0-- guard: environments = dev", "environments = dev"),
    ("-- guard\uff1a environments \uff1d dev", "environments = dev"),
    ("-- \uff47\uff55\uff41\uff52\uff44: environments = dev", "environments = dev"),
    ("-- GAURD: ENVIRONMENTS = DEV", "environments = dev"),
    ("--- guard: environments = dev", "environments = dev"),
    ("-- @guard: environments = dev", "environments = dev"),
    ("-- [guard] environments = dev", "environments = dev"),
    ("# guard: environments = dev", "environments = dev"),
    ("/* x */ -- guard: environments = dev", "environments = dev"),
    ("-- x\r-- guard: environments = dev", "environments = dev"),
    ("-- gurad: enviroments = dev", "environments = dev"),
    ("-- guad: environment: dev", "environments = dev"),
    ("-- gu\u0430rd: environments = dev", "environments = dev"),
    ("-- guard, environments = qa", "environments = dev, test"),
    ("-- gaurd: transaction = off", "transaction = off"),
    ("-- guard transactoin: off", "transaction = off"),
    ("-- gard: lock-timeout = 10s", "lock_timeout = 10s"),
    ("-- gard: lock timeout = 10s", "lock_timeout = 10s"),
    ("-- guard statement_timeout: soon", "statement_timeout = 1min"),
    ("-- guarb: requires = auth.0001_initial", "requires = auth.0001_initial"),
    ("-- guard rerun: safe", "rerun = safe"),
    ("-- gaurd: allow = drop-column, since 41", "allow = drop-column, since 41"),
    # (b) a key, = or :, and a value of that key
    ("-- environments = dev", "environments = dev"),
    ("-- Environments: dev, test", "environments = dev, test"),
    ("/* environments = dev */", "environments = dev"),
    ("-- env: dev", "environments = dev"),
    ("-- ENVS = dev,test", "environments = dev,test"),
    ("-- environments = eu-1", "environments = eu-1"),
    ("-- environments = dev.", "environments = dev"),
    ('-- env = "dev"', "environments = dev"),
    ("-- transaction = off", "transaction = off"),
    ("-- transaction: off;", "transaction = off"),
    ("-- lock_timeout = 5s", "lock_timeout = 5s"),
    ("-- statement_timeout: 2min", "statement_timeout = 2min"),
    ("-- requires: auth.0001_initial", "requires = auth.0001_initial"),
    ("-- rerun = safe", "rerun = safe"),
    ("-- formerly: 0001_a", "formerly = 0001_a"),
    ("-- guard replaces: 0001_a", "replaces = 0001_a"),
    ("-- allow = drop-column, since release 41", "allow = drop-column, since release 41"),
]

KEPT_OUT_OF_PRODUCTION = [
    # (c) names and only
    ("-- DEV ONLY", "dev"),
    ("-- dev only: clears the markers", "dev"),
    ("-- Dev only.", "dev"),
    ("-- dev-only", "dev"),
    ("-- *** DEV ONLY ***", "dev"),
    ("/* TEST ONLY */", "test"),
    ("/*\n * Staging only\n */", "staging"),
    ("-- dev, test only", "dev, test"),
    ("-- dev and test only", "dev, test"),
    ("-- test & staging only (sample data)", "staging, test"),
    ("-- development only", "dev"),
    ("-- Testing only!", "test"),
    ("-- local only", "dev"),
    ("-- eu-1 only", "eu-1"),
    ("-- test databases only", "test"),
    ("-- for dev only", "dev"),
    ("-- WARNING: DEV ONLY", "dev"),
    ("--\u00a0DEV\u00a0ONLY", "dev"),
    ("-- \uff24\uff25\uff36 \uff2f\uff2e\uff2c\uff39", "dev"),
    ("-- non-production only", NON_PRODUCTION),
    # only for, in, on
    ("-- only for dev", "dev"),
    ("-- Sample rows, only for dev and test.", "dev, test"),
    ("-- run only in development", "dev"),
    ("-- to be used only on staging", "staging"),
    ("-- only in the test environment", "test"),
    # not for
    ("-- not for production", NON_PRODUCTION),
    ("-- NOT FOR PRODUCTION!", NON_PRODUCTION),
    ("-- NOT FOR PROD: sample data", NON_PRODUCTION),
    ("-- Sample data, not for production", NON_PRODUCTION),
    ("-- Sample data (not for production use)", NON_PRODUCTION),
    ("-- not for use in production", NON_PRODUCTION),
    ("-- This is not for live databases.", NON_PRODUCTION),
    # orders
    ("-- do not run in production", NON_PRODUCTION),
    ("-- DO NOT RUN ON PRODUCTION!!!", NON_PRODUCTION),
    ("-- don't run this on prod", NON_PRODUCTION),
    ("-- don\u2019t apply this to the production database", NON_PRODUCTION),
    ("-- never run this in production", NON_PRODUCTION),
    ("-- Never ever execute on live", NON_PRODUCTION),
    ("-- Please do not deploy to production.", NON_PRODUCTION),
    ("-- Test rows: do not load into production", NON_PRODUCTION),
    ("-- WARNING! Never use in production", NON_PRODUCTION),
    ("-- never in production", NON_PRODUCTION),
]


@pytest.mark.parametrize(
    ("text", "directive"),
    [*DIRECTIVE_MEANT, *((text, f"environments = {n}") for text, n in KEPT_OUT_OF_PRODUCTION)],
)
def test_near_miss_when_it_stands_in_the_header_is_an_error_that_says_it_right(text, directive):
    problems = near_misses(f"-- about b\n{text}\nSELECT 1;")

    assert [problem.rule for problem in problems] == ["near-miss"]
    assert problems[0].severity is Severity.ERROR
    assert f"Write -- guard: {directive}. " in problems[0].hint
    assert problems[0].line == 2 + (1 if text.startswith("/*\n") else 0)


PROSE = [
    # directives, and what they silence
    "-- guard: environments = dev",
    "-- DEV/TEST ONLY",
    "-- DEV ONLY\n-- guard: environments = dev",
    "-- not for production\n-- guard: environments = dev, test",
    "-- environments: dev\n-- guard: environments = dev",
    "-- DEV ONLY\n-- guard: allow = near-miss, the column is named so",
    # other sentences about production
    "-- Production has three million of these rows.",
    "-- In production this takes a minute.",
    "-- Fixes the rows that were written in production on 3 May.",
    "-- These rows are never deleted in production.",
    "-- Never used in production, so it can go.",
    "-- Never null in production.",
    "-- This is not for production speed, but for the tests' sake",
    "-- Do not run in production before release 42 is out",
    "-- Do not drop the column: production still reads it",
    "-- Rows that do not exist in production",
    "-- Do not exist in production.",
    "-- Tested on a copy of production.",
    "-- Not null in production.",
    "-- production only",
    "-- Do not combine live `rows` with archived ones",
    "-- Do not count live rows",
    "-- Production and staging only",
    # names of environments in other sentences
    "-- Dev-only rows get a flag",
    "-- dev only rows are deleted",
    "-- Test only the first row",
    "-- only for development of the next release",
    "-- only in test rows the flag is set",
    "-- Only for admins",
    "-- Latest only",
    "-- Contest only: no other table has it",
    "-- the developer only",
    "-- read only",
    "-- This table is append only.",
    "-- Test data for the demo",
    "-- development of the new schema",
    # words before = and :
    "-- Environment: a table of all environments",
    "-- env: see the wiki",
    "-- transaction: the table of payments",
    "-- Transaction: begin",
    "-- requires: pgcrypto",
    "-- Requires: PostgreSQL 9.6",
    "-- requires: init.sql",
    "-- Allow: users, admins and guests to log in",
    "-- allow null = true, since old rows have none",
    "-- rerun: never",
    "-- formerly: a view",
    "-- lock_timeout: as the setting says",
    "-- timeout = 5s",
    "-- Guard against duplicates: delete them first",
    "-- guards: who may enter",
    "-- Guard the transaction: lock the table first",
    "-- safeguard: transaction = off is not needed",
    "-- See the manual of guard: environments = dev runs it there",
    # foreign headers
    "-- PostgreSQL database dump\n--\n\n-- Dumped from database version 16.1\n-- Dumped by pg_dump",
    "--\n-- Name: users; Type: TABLE; Schema: public; Owner: -\n--\n",
    "-- MySQL dump 10.13  Distrib 8.0.36\n-- Host: localhost    Database: test\n-- Server version 8",
    "-- Deploy app:users to pg\n-- requires: appschema",
    "-- +goose Up\n-- +goose StatementBegin",
    "-- migrate:up transaction:false",
    '-- Licensed under the Apache License, Version 2.0 (the "License");\n'
    "-- you may not use this file except in compliance with the License.\n"
    '-- distributed under the License is distributed on an "AS IS" BASIS,\n'
    "-- WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.",
    "/*\n * Copyright (c) 2020. All rights reserved.\n * SPDX-License-Identifier: MIT\n */",
    "-- AlterTable: environments = the new column",
    # other languages
    "-- Fügt die Umgebung hinzu: nur die Spalte, keine Daten.",
    "-- Nur für die Produktion wichtig.",
    "-- Ajoute la colonne: environnement de production uniquement",
    "-- Añade la columna; en producción tarda un minuto.",
    "-- Добавляет колонку для production",
    "-- 添加环境列\uff1a仅用于报表",
    "-- 本番環境では数分かかります",
    # below the block
    "SELECT 1;\n-- DEV ONLY",
    "SELECT 1;\n-- gaurd: environments = dev",
    "SELECT '\n-- DEV ONLY\n';",
    "",
]  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_comment_when_it_is_only_a_comment_is_no_problem(text):
    assert near_misses(f"{text}\nSELECT 1;") == []


def test_dev_only_when_environments_name_production_is_a_near_miss():
    text = "-- DEV ONLY\n-- guard: environments = production, staging\nSELECT 1;"

    assert [problem.line for problem in near_misses(text)] == [1]


def test_message_when_a_space_cannot_be_seen_shows_it():
    (problem,) = near_misses("--\u00a0guard: environments = dev\nSELECT 1;")

    assert problem.message.startswith(r'"--\u00a0guard: environments = dev" looks like a directive')


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("guard", "guard", 0),
        ("gaurd", "guard", 1),
        ("guards", "guard", 1),
        ("gards", "guard", 2),
        ("grd", "guard", 2),
        ("gr", "guard", 3),
        ("garden", "guard", 3),
        ("", "guard", 3),
    ],
)
def test_edits_when_more_than_two_are_three(left, right, expected):
    assert edits(left, right) == edits(right, left) == expected


@given(
    st.lists(st.text(st.characters(exclude_characters="=:", exclude_categories=["Cs"]))),
    st.sampled_from(["-- {}\n", "/* {} */\n", "# {}\n"]),
)
def test_prose_when_no_trigger_is_in_it_is_no_problem(lines, comment):
    text = "".join(
        comment.format(line)
        for line in lines
        if not re.search(r"only|prod|live", line, re.IGNORECASE)
    )

    assert near_misses(text + "SELECT 1;") == []


_WORD = st.sampled_from(
    [
        "dev",
        "test",
        "staging",
        "production",
        "the",
        "rows",
        "of",
        "table",
        "column",
        "is",
        "in",
        "on",
        "for",
        "not",
        "never",
        "guard",
        "card",
        "board",
        "environments",
        "transaction",
        "allow",
        "rerun",
        "requires",
        "off",
        "safe",
        "5s",
        "app.users",
        "add",
        "drop",
    ]
)


@given(st.lists(st.lists(_WORD, min_size=1, max_size=8).map(" ".join), max_size=5))
def test_words_when_nothing_sets_them_in_relation_are_no_problem(lines):
    lines = [line for line in lines if not re.search(r"\b(not|never)\b.*\bproduction\b", line)]

    assert near_misses("".join(f"-- {line}\n" for line in lines) + "SELECT 1;") == []


@given(st.text())
def test_any_text_when_it_is_searched_makes_no_crash(text):
    near_misses(text)
    near_misses(f"-- {text}\n/* {text} */SELECT 1;")


@pytest.mark.parametrize(
    "line",
    [
        "guard " + "-" * 200_000,
        "guard" + "_" * 200_000 + "x",
        "only" + " " * 200_000 + "x",
        "do not run " + "- " * 100_000 + "prod",
        "dev only" + " ." * 100_000 + "x prod",
        "not for " * 50_000 + "prod x",
        "dev, " * 50_000,
    ],
)
def test_line_when_it_is_long_is_searched_in_time(line):
    # A search in quadratic time would take minutes.
    near_misses(f"-- {line}\nSELECT 1;")


def test_block_when_it_has_many_lines_is_searched_in_time():
    assert (
        near_misses("-- INSERT INTO t VALUES (1);\n" * 50_000 + "-- DEV ONLY\n")[0].line == 50_001
    )
