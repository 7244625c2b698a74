"""What a schema does to the statements of code that is not its own. Pure."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from migration_guard.usage.check import WARNINGS, Answer
from migration_guard.usage.servers import Finding, Undecided
from migration_guard.usage.statement import Statement


def subtract_own(answers: Iterable[Answer], own: Iterable[Answer], own_schema: str) -> list[Answer]:
    """Return the answers without what the schema of the same code does to it as well.

    A statement that is broken on both is undecided: nothing shows what the other schema adds. So is
    what its own schema cannot run, wherever else it runs: another code sends that.
    """
    known = {answer.statement: findings_of(answer) for answer in own}
    return [_subtract(answer, known.get(answer.statement, ()), own_schema) for answer in answers]


def _subtract(answer: Answer, own: Sequence[Finding], own_schema: str) -> Answer:
    findings = findings_of(answer)
    rules = {finding.rule for finding in findings} - WARNINGS | {"usage-broken"}
    broken = next((finding for finding in own if finding.rule in rules), None)
    if broken is not None:
        why = (
            f"it fails on the schema of {own_schema} {'as well ' if findings else ''}"
            f"({broken.actual}), so that nothing tells what this deploy does to it: was the file "
            "recorded there?"
        )
        return answer._replace(result=Undecided(why))
    if not findings:
        return answer
    return answer._replace(result=[finding for finding in findings if finding not in own])


def with_rules(answers: Iterable[Answer], rules: AbstractSet[tuple[str, str]]) -> list[Answer]:
    """Return the answers with only those findings whose digest and rule are in ``rules``."""
    return [
        answer._replace(
            result=[
                finding
                for finding in answer.result
                if (answer.statement.digest, finding.rule) in rules
            ]
        )
        if not isinstance(answer.result, Undecided)
        else answer
        for answer in answers
    ]


def findings_of(answer: Answer) -> Sequence[Finding]:
    """Return the findings of an answer, none of an undecided one."""
    return () if isinstance(answer.result, Undecided) else answer.result


def with_findings(answers: Iterable[Answer]) -> tuple[Statement, ...]:
    """Return the statements that a schema breaks, or takes otherwise."""
    return tuple(answer.statement for answer in answers if findings_of(answer))
