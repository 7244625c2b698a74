"""Lines of a migration by which another tool executes it.

Pure. The tools and their grammars are in ``foreign_formats``.
"""

from migration_guard.planning import foreign_formats
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.foreign_formats import CommentLine, Effect, ForeignMarker
from migration_guard.problems import Problem
from migration_guard.sql.dialects import dialect
from migration_guard.sql.lexer import line_comments
from migration_guard.sql.scanner import skip_gap


def foreign_markers(
    file: MigrationFile, vendor: str, string_setting: str = ""
) -> list[ForeignMarker]:
    """Return the comment lines of a file that another tool executes, in order."""
    text = file.text
    if not foreign_formats.may_have_markers(text):
        return []
    header_end = skip_gap(text, dialect(vendor), 0)
    comments = []
    for token in line_comments(text, vendor, string_setting):
        line_start = text.rfind("\n", 0, token.start) + 1
        comments.append(CommentLine(token.text, text[line_start : token.start], token.start))
    return list(foreign_formats.find_markers(text, comments, header_end))


def foreign_format_problems(
    file: MigrationFile, vendor: str, string_setting: str = ""
) -> list[Problem]:
    """Return a problem if another tool divides the file. No directive silences it."""
    markers = [
        marker
        for marker in foreign_markers(file, vendor, string_setting)
        if marker.effect is Effect.DIVIDES
    ]
    if not markers:
        return []
    line = file.text.count("\n", 0, markers[0].start) + 1
    return [
        Problem(
            foreign_formats.RULE,
            f"{markers[0].tool} divides this file: "
            f"{foreign_formats.quote_markers(markers, file.text)}. Here the whole file would run, "
            "the part that takes the migration back with it",
            "Keep the statements that must run, and delete those that take them back and the "
            f"lines of {markers[0].tool}. Nothing silences this."
            f"{foreign_formats.takeover(markers[0].tool)}",
            path=file.path,
            line=line,
        )
    ]
