"""SQLite: what to do about an error, by the lowest byte of its result code.

Source: sqlite.org, "Result and Error Codes".
"""

import sqlite3
from typing import Final

from migration_guard.running.remedies import (
    MORE_TIME,
    THERE_ALREADY,
    FailedFile,
    Remedy,
    Table,
    find_remedy,
)

_WRITABLE: Final = (
    "see that the file accepts writes: no mode=ro and no immutable=1 in NAME, and the user of this "
    "process may write to the file and to its folder"
)
_DISK: Final = "see that the disk works and has room, and that the file is on no network drive"
REMEDIES: Final[Table] = {
    sqlite3.SQLITE_ERROR: (
        Remedy(THERE_ALREADY, "already exists|duplicate column name|already another table"),
        Remedy("{off}", "(?:within|inside|from within) a transaction", in_transaction=True),
        Remedy(
            "{edit}{requires}",
            "no such table",
        ),
        Remedy(
            "{edit}; this SQLite ({version}) lacks it, or it is one of Django's own functions",
            "no such (?:function|module)",
        ),
    ),
    sqlite3.SQLITE_BUSY: (
        Remedy(
            "end the program that writes to the database file or wait for it, or give it longer "
            "in the first lines of {file} (-- guard: lock_timeout = 30s)"
        ),
    ),
    sqlite3.SQLITE_LOCKED: (Remedy("end what reads the table in the same process"),),
    sqlite3.SQLITE_INTERRUPT: (Remedy(MORE_TIME),),
    sqlite3.SQLITE_READONLY: (Remedy(_WRITABLE),),
    sqlite3.SQLITE_CANTOPEN: (Remedy(f"see that the folder exists; {_WRITABLE}"),),
    sqlite3.SQLITE_IOERR: (Remedy(_DISK),),
    sqlite3.SQLITE_FULL: (Remedy("make room on the disk of the database"),),
    sqlite3.SQLITE_CORRUPT: (Remedy("restore the file from a copy"),),
    sqlite3.SQLITE_CONSTRAINT: (Remedy("correct the rows that prevent it, or {edit}"),),
}
# Those of them that a step of the runner's own may need.
STEPS: Final = (
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_CORRUPT),
)
_CHECK_NAME: Final = "Check NAME and OPTIONS in DATABASES"
CONNECTING: Final[Table] = {
    sqlite3.SQLITE_BUSY: (
        Remedy(
            "Another program writes to the file and keeps readers out; run the same command again "
            "when it has finished."
        ),
    ),
    sqlite3.SQLITE_CANTOPEN: (
        Remedy(
            f"{_CHECK_NAME}, that the folder of the file exists, and that the user of this process "
            "may write to it."
        ),
    ),
    sqlite3.SQLITE_READONLY: (Remedy(f"{_CHECK_NAME}; {_WRITABLE}."),),
    sqlite3.SQLITE_NOTADB: (
        Remedy(f"{_CHECK_NAME}: that file is no SQLite database, or it is encrypted."),
    ),
    sqlite3.SQLITE_IOERR: (Remedy(f"{_CHECK_NAME}; {_DISK}."),),
    sqlite3.SQLITE_CORRUPT: (Remedy("Restore the file from a copy."),),
}


def first_step(error: Exception, failed: FailedFile) -> str:
    """Return what to do before the next run about an error of a migration, or nothing."""
    fields = {**failed._asdict(), "version": sqlite3.sqlite_version}
    remedies = REMEDIES.get(_code(error), ())
    return find_remedy(remedies, str(error), fields, in_transaction=failed.in_transaction)


def step_remedy(error: Exception) -> str:
    """Return what to do before the next run about an error of the runner's own step."""
    code = _code(error)
    return find_remedy(REMEDIES[code] if code in STEPS else (), str(error), {})


def connecting_remedy(error: Exception) -> str:
    """Return what to do about a database that cannot be opened."""
    return find_remedy(CONNECTING.get(_code(error), ()), str(error), {})


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code
