"""A one-off script at a terminal: the question, its time limit, signals, kills and neighbours."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from migration_guard.history import History, Identity
from migration_guard.running import connecting
from migration_guard.running.errors import Kind, StatementError
from migration_guard.running.row_counter import counter_on
from tests.running.support import sleeping, wait_until, waiting

SCHEMA = "CREATE TABLE users (id integer PRIMARY KEY, n integer); INSERT INTO users VALUES (1, 0)"
UPDATE = "UPDATE users SET n = n + 1;"
ON_SERVERS = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
UNDONE = "It was rolled back: nothing was changed"


class Terminal:
    """The command on a terminal of its own, which types and reads as a person would."""

    def __init__(self, environment, *args):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "django", *args],
            env=environment,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def read_until(self, text, seconds=30.0):
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            self.seen += os.read(self.ours, 65536).decode()

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        """Read to the end; return the exit code."""
        with suppress(OSError):  # which is how Linux tells the end of a terminal
            while chunk := os.read(self.ours, 65536):
                self.seen += chunk.decode()
        self.out = self.process.stdout.read().decode()
        return self.process.wait(timeout=30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal(database, migrations, guard, guard_process, tmp_path):
    """Give `terminal(text, *args)`: the command at work on a script, in a production database."""
    migrations({"1_users.sql": SCHEMA})
    result = guard("runsqlmigrations")
    assert result.code == 0, result.err
    opened = []

    def start(text=UPDATE, *args):
        path = tmp_path / "fix.sql"
        path.write_text(text)
        args = ("runauditedsql", str(path), "--reason", "ticket 42", *args)
        opened.append(Terminal(guard_process.environment(), *args))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def asked(terminal):
    """Wait for the question; return the name that it wants."""
    terminal.read_until("anything else rolls back: ")
    return re.search(r"type the name of the database, (\S+);", terminal.seen)[1]


def state(database):
    """Return the number in the table, and how many scripts are in the audit."""
    (n,) = database.execute("SELECT n FROM users")
    (entries,) = database.execute("SELECT count(*) FROM migration_guard_audit")
    return n[0], entries[0]


# -- the question


def test_question_when_the_name_is_typed_commits(database, terminal):
    at = terminal()

    name = asked(at)
    at.type(f"{name}\n")
    code = at.end()

    assert code == 0, at.seen
    assert name == database.settings["NAME"].rpartition("/")[2]
    assert re.search(r"line 1 +1 row +UPDATE users SET n = n \+ 1", at.seen)
    assert " locked, and other runs wait, until you answer (120 s at most)" in at.seen
    assert at.out == f"Committed: 1 row of {name}; it is in the audit.\n"
    assert state(database) == (1, 1)


@pytest.mark.parametrize("answer", ["\n", "yes\n", "y\n", "\x04"])
def test_question_when_anything_else_is_typed_rolls_back(database, terminal, answer):
    at = terminal()

    asked(at)
    at.type(answer)
    code = at.end()

    assert code == 1
    assert "Not confirmed." in at.seen
    assert UNDONE in at.seen
    assert at.out == ""
    assert state(database) == (0, 0)


@ON_POSTGRES
def test_question_when_typed_ahead_is_not_answered(database, terminal):
    blocker = database.connect()
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE users")
    at = terminal()
    wait_until(lambda: waiting(database))

    at.type(f"{database.settings['NAME']}\n")
    blocker.execute("ROLLBACK")
    asked(at)
    at.type("no\n")

    assert at.end() == 1
    assert state(database) == (0, 0)


@ON_POSTGRES
def test_question_when_a_number_is_expected_or_input_is_off_is_not_asked(database, terminal):
    expecting, silent = terminal(UPDATE, "--expect-rows", "1"), terminal(UPDATE, "--no-input")

    assert (expecting.end(), silent.end()) == (0, 2)
    assert "anything else rolls back" not in expecting.seen + silent.seen
    assert state(database) == (1, 1)


@ON_POSTGRES
def test_question_when_the_report_is_json_leaves_standard_output_to_it(database, terminal):
    at = terminal(UPDATE, "--format", "json")

    at.type(f"{asked(at)}\n")

    assert at.end() == 0
    assert at.out.startswith("{")
    assert '"committed": true' in at.out


def test_ask_when_no_answer_comes_in_time_gives_none():
    code = (
        "import sys\n"
        "from django.core.management.base import OutputWrapper\n"
        "from migration_guard.one_off.confirmation import ask\n"
        "print(ask(OutputWrapper(sys.stderr), 'well? ', 0.3))\n"
    )
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    finally:
        os.close(theirs)
        os.close(ours)

    assert (done.stdout, done.stderr) == ("None\n", "well? ")


# -- signals and kills


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_when_the_question_waits_rolls_back_and_says_so(database, terminal, number):
    at = terminal()

    asked(at)
    at.process.send_signal(number)
    code = at.end()

    assert code == 1
    assert "Interrupted." in at.seen
    assert UNDONE in at.seen
    assert "Traceback" not in at.seen
    assert state(database) == (0, 0)


@ON_POSTGRES
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_when_a_statement_runs_rolls_back_and_says_so(database, terminal, number):
    at = terminal(f"{UPDATE} SELECT pg_sleep(60)", "--expect-rows", "1")
    wait_until(lambda: sleeping(database))

    at.process.send_signal(number)

    assert at.end() == 1
    assert UNDONE in at.seen
    assert state(database) == (0, 0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_signal_when_it_comes_during_the_commit_tells_what_became_of_it(database, terminal):
    reader = database.connect()
    reader.execute("BEGIN")
    reader.execute("SELECT n FROM users").fetchall()
    at = terminal(UPDATE, "--expect-rows", "1")
    wait_until(lambda: commits(database))

    at.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not has_pending_signal(at.process.pid))
    reader.execute("COMMIT")

    assert at.end() == 0, at.seen
    assert "Committed: 1 row of " in at.out
    assert state(database) == (1, 1)


def test_kill_when_the_question_waits_leaves_nothing(database, terminal, guard):
    at = terminal()

    asked(at)
    at.process.kill()
    at.process.wait()

    wait_until(lambda: guard("runsqlmigrations", "--no-wait").code == 0)
    assert state(database) == (0, 0)


@ON_POSTGRES
def test_backend_when_terminated_at_the_question_is_told_and_nothing_is_there(database, terminal):
    at = terminal()

    name = asked(at)
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE state = 'idle in transaction' AND datname = current_database() "
        "AND query LIKE 'SET LOCAL idle%%'"
    )
    at.type(f"{name}\n")
    code = at.end()

    assert code == 1
    assert "The connection was lost" in at.seen
    assert UNDONE in at.seen
    assert "Traceback" not in at.seen
    assert state(database) == (0, 0)


@ON_SERVERS
def test_server_when_its_own_idle_limit_is_shorter_lets_the_person_answer(database, terminal):
    shorter = "SET SESSION wait_timeout = 1, SESSION idle_transaction_timeout = 1"
    if database.vendor == "postgresql":
        database.configure(OPTIONS={"options": "-c idle_in_transaction_session_timeout=200"})
    else:
        database.configure(OPTIONS={"init_command": shorter})
    at = terminal()

    name = asked(at)
    wait_until(lambda: idle_beyond_the_limit(database))
    at.type(f"{name}\n")

    assert at.end() == 0, at.seen
    assert state(database) == (1, 1)


@ON_SERVERS
def test_server_when_the_client_is_frozen_ends_the_transaction(database):
    with connecting.open_connection("default") as (connection, facts):
        history = History(connection, facts.schema, Identity("", ""))
        connection.begin()
        counter_on(connection, history).idle_up_to(1)
        wait_until(lambda: not sessions(database))
        with pytest.raises(StatementError) as caught, connection.failing():
            connection.fetch("SELECT 1")

    assert caught.value.kind is Kind.LOST


# -- neighbours


def test_migrations_when_the_question_waits_do_not_run(database, terminal, guard):
    at = terminal()

    name = asked(at)
    deploy = guard("runsqlmigrations", "--no-wait")
    at.type(f"{name}\n")

    assert at.end() == 0
    assert deploy.code == 1
    assert "holds the run lock" in deploy.err


def test_scripts_when_four_start_at_once_run_one_after_the_other(database, terminal):
    started = [terminal(UPDATE, "--expect-rows", "1") for _ in range(4)]

    assert [at.end() for at in started] == [0, 0, 0, 0], [at.seen for at in started]
    assert state(database) == (4, 4)


def sessions(database):
    """Return the server's ids of the sessions in this database, but for our own."""
    listing = {
        "postgresql": "SELECT pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mysql": "SELECT id FROM information_schema.processlist "
        "WHERE db = DATABASE() AND id <> CONNECTION_ID()",
    }
    return [row[0] for row in database.execute(listing[database.vendor])]


def idle_beyond_the_limit(database):
    """Tell whether a session that asks has been idle for longer than the server's own limit."""
    listing = {
        "postgresql": "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'idle in transaction' AND now() - state_change > interval '400 ms'",
        "mysql": "SELECT 1 FROM information_schema.processlist "
        "WHERE db = DATABASE() AND command = 'Sleep' AND time_ms > 1500",
    }
    return database.execute(listing[database.vendor])


def has_pending_signal(process):
    """Tell whether a signal was sent to a process and has not reached it yet."""
    status = Path(f"/proc/{process}/status").read_text()
    return any(int(mask, 16) for mask in re.findall(r"(?:SigPnd|ShdPnd):\s+(\w+)", status))


def commits(database):
    """Tell whether SQLite's COMMIT waits for its readers: then it lets no other process read."""
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute(sys.argv[2])"
    done = subprocess.run(
        [sys.executable, "-c", code, database.settings["NAME"], "SELECT n FROM users"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "database is locked" in done.stderr
