"""Tells whether a database keeps the schema contract; writes nothing to the database."""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.color import no_style

from migration_guard import conf, schema_check
from migration_guard.contracts import RULES, Contract
from migration_guard.contracts.kept_lines import NOT_STATED
from migration_guard.exceptions import GuardError
from migration_guard.management import check_modes, database_options, impact, table_sizes, usage
from migration_guard.management.base import GuardCommand, Palette
from migration_guard.management.progress import Progress
from migration_guard.management.single_options import SingleSwitch
from migration_guard.reports import fresh, matrix
from migration_guard.reports.check import check_report
from migration_guard.reports.escaping import escape_text
from migration_guard.reports.files import save
from migration_guard.reports.text import count
from migration_guard.reports.verdict import verdict
from migration_guard.results import Checked
from migration_guard.running.garbage_collection import no_collection


class Command(GuardCommand):
    """``manage.py checkschema``."""

    help = (
        "Compare a database with what code relies on: the models, and contract files. "
        "Exit 0: kept; 1: violated; 2: it could not find out."
    )
    formats = ("text", "json", "junit", "github", "sarif")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options: tables, contracts, and the report."""
        super().add_arguments(parser)
        parser.add_argument(
            "tables", nargs="*", metavar="TABLE", help="Only these tables (default: all)."
        )
        parser.add_argument(
            "--contract",
            nargs="+",
            action="extend",
            default=[],
            type=Path,
            metavar="FILE",
            help='Contract files, instead of those in MIGRATION_GUARD["CONTRACTS"].',
        )
        parser.add_argument(
            "--models",
            action=SingleSwitch,
            default=True,
            help="Whether the models are a contract too (default: they are).",
        )
        parser.add_argument(
            "--allow-unknown",
            action="store_true",
            help="Accept what could not be checked; it is still reported.",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write the report there.")
        parser.add_argument(
            "--write",
            type=Path,
            metavar="FILE",
            help="Check nothing; write a contract of the database as it is: of the tables named, "
            "or of all that no managed model has.",
        )
        usage.add_options(parser)
        table_sizes.add_option(parser)
        database_options.add_fresh(parser)
        usage.add_matrix(parser)
        database_options.add_upgrade(parser)
        database_options.add_templates(parser)

    def answer(self, options: dict[str, Any]) -> tuple[int, str]:
        """Check or write, report, and return the exit code."""
        try:
            check_modes.refuse_nonsense(options)
        except GuardError as error:
            return self._end(Checked(options["database"], error=error), options)
        if options["write_sizes"] is not None:
            return table_sizes.write_file(self, options)
        if options["clear_templates"]:
            return self._clear_templates(options["database"])
        if options["write"] is not None:
            return self._write(options)
        if options["upgrade_from"] is not None:
            checked = self._upgrade(options)
        elif check_modes.needs_fresh(options):
            checked = self._prove(options)
        else:
            # Few objects become garbage here: the report needs what contract and check made.
            with no_collection():
                return self._end(self._check(options), options)
        return self._end(checked, options)

    def _write(self, options: dict[str, Any]) -> tuple[int, str]:
        contract, left_out = schema_check.write_contract(options["database"], options["tables"])
        save(options["write"], contract)
        self.tell(f"Wrote {options['write']}.")
        self.tell(_not_read(options["write"], options["database"]))
        if comments := contract.count(NOT_STATED):
            self.tell(
                f"{count(comments, 'clause')} of this database cannot be stated: look for "
                'the comments with "not stated".'
            )
        if left_out:
            self.tell(
                f"Left out {len(left_out)} tables that Django's own migrations make, because their "
                "models are a contract already. To include a table, name it: checkschema TABLE."
            )
        return 0, ""

    def _clear_templates(self, alias: str) -> tuple[int, str]:
        from migration_guard.template_databases.clearing import clear

        cleared = clear(alias)
        dropped = ((template.name, template.bytes) for template in cleared.dropped)
        self.say(fresh.cleared_report(dropped, cleared.unfinished))
        names = ", ".join(template.name for template in cleared.used)
        message = f"Being copied, and not dropped: {names}.\nNext: run it again."
        return (1, message) if cleared.used else (0, "")

    def _check(self, options: dict[str, Any]) -> Checked:
        alias = options["database"]
        try:
            statements = usage.read_request(options)
            contract = _contract(options)()
        except GuardError as error:
            return Checked(alias, error=error)
        checked = Checked(alias, allow_unknown=options["allow_unknown"])
        if statements is None or not contract.is_empty:
            checked = schema_check.check(
                contract,
                alias,
                allow_unknown=options["allow_unknown"],
                lists_kept=options["verbosity"] > 1 or options["format"] == "junit",
            )
        if statements is None:
            return checked
        return schema_check.check_usage(checked, statements)

    def _prove(self, options: dict[str, Any]) -> Checked:
        # Imported late: a plain check makes no database.
        from migration_guard.fresh.check import FreshCheck, check_fresh

        alias = options["database"]
        try:
            contract = _contract(options) if options["fresh"] else None
            statements = usage.read_request(options)
            trace = impact.of_check(options)
            deploy = usage.read_matrix(options, statements)
        except GuardError as error:
            return Checked(alias, error=error)
        proof = FreshCheck(
            alias,
            contract,
            drift=options["drift"],
            replay=options["replay"],
            timeline=options["timeline"],
            template=options["template"],
            environment=options["environment"],
            ignore=tuple(options["ignore"]),
            allow_unknown=options["allow_unknown"],
            usage=statements,
            trace=trace.request if trace is not None else None,
            matrix=deploy,
        )
        # Without a line for each migration: the report lists them.
        with Progress(self.stderr, min(options["verbosity"], 1), applied=False) as observe:
            if trace is None:
                return check_fresh(proof, observe)
            return trace.add_to_checked(check_fresh(proof, trace.observing(observe)))

    def _upgrade(self, options: dict[str, Any]) -> Checked:
        from migration_guard.fresh.upgrade.check import UpgradeCheck, check_upgrade

        request = UpgradeCheck(
            options["database"],
            options["upgrade_from"],
            rows=options["rows"],
            environment=options["environment"],
            ignore=tuple(options["ignore"]),
            allow_unknown=options["allow_unknown"],
        )
        with Progress(self.stderr, min(options["verbosity"], 1), applied=False) as observe:
            return check_upgrade(request, observe)

    def _end(self, checked: Checked, options: dict[str, Any]) -> tuple[int, str]:
        self._report(checked, options)
        return checked.returncode, verdict(checked)

    def _report(self, checked: Checked, options: dict[str, Any]) -> None:
        output = options["output"]
        if options["format"] != "text":
            document = _render(checked, options["format"])
            if output is not None:
                save(output, document)
            elif document:
                self.say_document(document)
        elif output is not None:
            save(output, escape_text(_text(checked, options, no_style())))
        elif options["verbosity"] > 0:
            palette = Palette(self.style)
            report = _text(checked, options, palette)
            if report:
                self.say(report, palette)


def _text(checked: Checked, options: dict[str, Any], style: Any) -> str:
    parts = []
    if checked.fresh is not None:
        cap = fresh.ORDER_CAP if options["verbosity"] <= 1 else None
        built = checked.fresh
        if checked.impact is not None:
            built = built._replace(problems=impact.without_own(built.problems))
        parts.append(fresh.build_report(built, cap, finished=checked.error is None))
        parts += [f"{checked.impact.text}\n"] if checked.impact is not None else []
    upgrade = checked.upgrade
    if upgrade is not None and (checked.fresh or upgrade.applied or upgrade.problems):
        parts.insert(0, fresh.upgrade_report(upgrade))
    if checked.replay is not None:
        parts.append(fresh.replay_report(checked.replay))
    if checked.matrix is not None:
        parts.append(matrix.matrix_report(checked.matrix, style))
    if checked.error is None:
        parts.append(check_report(checked, style, kept=options["verbosity"] > 1))
    return "\n".join(parts)


def _contract(options: dict[str, Any]) -> Callable[[], Contract]:
    """Read the contract files; return a function that adds the contract of the models.

    That function asks the database.
    """
    alias = options["database"]
    contract = schema_check.load_contract(alias, options["contract"])
    models, tables = options["models"], options["tables"]
    return lambda: schema_check.complete_contract(alias, contract, models=models, tables=tables)


def _render(checked: Checked, report: str) -> str:
    """Return the report in a format for programs."""
    # Imported late, with an XML library: the text report needs none of them.
    if report == "sarif":
        from migration_guard.reports import sarif

        return sarif.schema_check(checked, rule_meanings())
    module = import_module(f"migration_guard.reports.{report}")
    return str(module.schema_check(checked))


def rule_meanings() -> Mapping[str, str]:
    """Return a sentence for each rule of a violation."""
    from migration_guard.fresh import drift
    from migration_guard.fresh.replay import differences
    from migration_guard.fresh.upgrade import comparison, rows
    from migration_guard.usage.check import RULES as USAGE

    of_fresh = {**drift.RULES, **differences.RULES, **comparison.RULES, **rows.RULES}
    return {**RULES, **of_fresh, **USAGE}


def _not_read(path: Path, alias: str) -> str:
    """Return that no setting names a written contract; empty where one does."""
    read = {Path(file).resolve() for file in conf.load().contracts.get(alias, ())}
    if Path(path).resolve() in read:
        return ""
    return (
        "checkschema does not read it yet: add it to "
        f'MIGRATION_GUARD["CONTRACTS"]["{alias}"], or give --contract {path}.'
    )
