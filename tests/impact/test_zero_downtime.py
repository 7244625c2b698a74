"""The table of the page on zero downtime: its patterns as they run, and what they avoid."""

from pathlib import Path

from tests.docs.examples import blocks
from tests.impact.support import run_traced

PAGE = Path(__file__).parents[2] / "docs/how-to/zero-downtime.md"
MARK = "<!-- measured: tests/impact/test_zero_downtime.py -->\n"
# The tables as they are before what stands in INSTEAD.
BEFORE = """
CREATE TABLE messages (
    id bigint PRIMARY KEY, body text, topic text, sent_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE likes (message_id bigint NOT NULL);
"""
# What a pattern of the page avoids, by the file that it would stand in.
INSTEAD = {
    "0002_topic": "ALTER TABLE messages ADD COLUMN key uuid DEFAULT gen_random_uuid()",
    "0003_messages_by_time": "CREATE INDEX messages_sent_at_idx ON messages (sent_at)",
    "0007_topic_not_null": "ALTER TABLE messages ALTER COLUMN topic SET NOT NULL",
    "0004_topic_known": "ALTER TABLE messages ADD CHECK (topic IS NOT NULL)",
    "0009_likes_message": "ALTER TABLE likes ADD FOREIGN KEY (message_id) REFERENCES messages",
    "0012_one_per_time": "ALTER TABLE messages ADD UNIQUE (sent_at, body)",
}
# It commits batch by batch, so that another session has to see it at the right moment.
NOT_SHOWN = {"0005_backfill_topic"}


def files_of_page():
    return {
        block.caption.removeprefix("sql_migrations/"): block.text
        for block in blocks(PAGE.read_text())
        if block.caption.startswith("sql_migrations/")
    }


def cell(trace):
    """Return the locks of a statement, who waits, and whether something is read meanwhile."""
    by_mode = {}
    for effect in trace.effects:
        by_mode.setdefault(effect.mode, []).append(effect.table)
    locks = "; ".join(f"{mode} on {', '.join(tables)}" for mode, tables in by_mode.items())
    acts = {"rewrites": any(effect.rewrites for effect in trace.effects)}
    acts["reads"] = any(effect.reads for effect in trace.effects)
    work = next((word for word, is_done in acts.items() if is_done), "")
    if any(effect.shuts_out_readers for effect in trace.effects):
        who = "everybody"
    elif any(effect.shuts_out_writers for effect in trace.effects):
        who = "writers"
    else:
        return f"{locks} | nobody{f', while it {work} the table' if work else ''}"
    return f"{locks} | {who}, {f'while it {work} the table' if work else 'for an instant'}"


def test_table_of_the_page_is_what_its_statements_lock(postgres, migrations):
    pattern = files_of_page()
    assert {*INSTEAD, *NOT_SHOWN} <= {name.removesuffix(".sql") for name in pattern}
    postgres.execute(f"CREATE SCHEMA instead; SET search_path = instead; {BEFORE}")
    instead = {
        f"{number:04}_instead.sql": f"SET search_path = instead;\n{sql};\n"
        for number, sql in enumerate(INSTEAD.values(), 101)
    }
    migrations({**pattern, **instead})

    makes = {name for name, sql in pattern.items() if sql.startswith("CREATE TABLE")}
    names = {name.removesuffix(".sql") for name in {*pattern, *instead} - makes}
    outcome, traces = run_traced(measures=False, names=frozenset(names))

    assert outcome.error is None
    shown = [trace for trace in traces if trace.effects and trace.migration not in NOT_SHOWN]
    assert not [trace for trace in shown if trace.unknown]
    by_sql = {trace.sql: trace for trace in shown if "_instead" in trace.migration}
    rows = ["| file | statement | lock | who waits |", "|---|---|---|---|"]
    last = ""
    for trace in (trace for trace in shown if "_instead" not in trace.migration):
        if trace.migration != last and trace.migration in INSTEAD:
            rows.append(row("*instead of*", by_sql[INSTEAD[trace.migration]]))
        rows.append(row(f"`{trace.migration}`", trace))
        last = trace.migration
    table = "\n".join(rows)
    assert f"{MARK}\n{table}\n" in PAGE.read_text(), table


def row(place, trace):
    return f"| {place} | `{trace.sql}` | {cell(trace)} |".replace("instead.", "")
