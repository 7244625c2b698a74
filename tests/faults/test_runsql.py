"""Item 2: taking over Django's RunSQL dies between two files; the next run goes on."""

import re
from pathlib import Path

import pytest

from tests.adopting.runsql.test_databases import CONVERT, SHOP
from tests.faults import record
from tests.projects import Project

# Python's own audit events, one for each file that is made or put in place.
KILLED = """\
import os
import signal
import sys
from django.core.management import execute_from_command_line

moment, folders = int(sys.argv[1]), sys.argv[2].split(",")
seen = 0

def hook(event, args):
    global seen
    is_new = event == "open" and args[1] in ("x", "w")
    path = str(args[1] if event == "os.rename" else args[0]) if is_new or event == "os.rename" else ""
    if path.startswith(tuple(folders)) and "__pycache__" not in path:
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
execute_from_command_line(["manage.py", *sys.argv[3:]])
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_conversion_when_killed_between_two_files_goes_on(database, tmp_path, tried):
    moment, times = 0, 0
    step = record.rounds(bounded=2, full=1)
    while True:
        moment += step
        project = Project(tmp_path / str(moment) / "site", database)
        project.write(SHOP)
        project.migrations({"_keep": ""})
        folders = ",".join(str(project.path / name) for name in ("sql_migrations", "shop"))
        killed = project.python("-c", KILLED, str(moment), folders, *CONVERT.split())
        if killed.code == 0:
            break
        assert killed.code == -9, killed.out

        again = project.manage(*CONVERT.split())
        while copy := re.search(r"(\S+\.sql) has the SQL of", again.out):
            assert again.code == 1
            Path(copy[1]).unlink()
            again = project.manage(*CONVERT.split())

        assert again.code == 0, (moment, again.out)
        for name in ("0002_books", "0004_known"):
            source = (project.path / f"shop/migrations/{name}.py").read_text()
            assert "RequiresSQL(" in source
            assert "RunSQL(" not in source
        times += 1
    assert times > 2
    tried(
        "SIGKILL before any file is made or replaced",
        item=2,
        result="the next run goes on, or names the file to delete first",
        times=times,
    )
