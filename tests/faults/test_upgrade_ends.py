"""``--upgrade-from`` and ``--matrix`` when they are ended: no process, folder or database is left."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fresh.rolling import CHANGE, RollingShop
from tests.fresh.upgrading import AUTHORS, Shop
from tests.running.support import wait_until

# Not by the editor, which refuses to be in a transaction on MariaDB.
SLEEP = {
    "postgresql": 'editor.connection.cursor().execute("SELECT pg_sleep(100)")',
    "mysql": 'editor.connection.cursor().execute("SELECT SLEEP(100)")',
    "sqlite": "time.sleep(100)",
}
SLOW = """\
    import os, pathlib, time
    from django.db import migrations

    def sleep(apps, editor):
        pathlib.Path({marker!r}).write_text(str(os.getpid()))
        {sleep}

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [migrations.RunPython(sleep)]
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGKILL, -9)]
)
def test_upgrade_when_it_is_ended_while_the_release_migrates_leaves_nothing(
    database, tmp_path, monkeypatch, tried, number, code
):
    shop, marker = Shop.of(database, tmp_path, monkeypatch), tmp_path / "marker"
    slow = SLOW.format(marker=str(marker), sleep=SLEEP[database.vendor])
    shop.commit({"clubs/migrations/0002_slow.py": slow}, "v2")
    run = shop.project.start("checkschema", "--upgrade-from", "v2")
    wait_until(lambda: marker.exists() and marker.read_text())
    child = Path("/proc") / marker.read_text()

    run.send_signal(number)
    out, _ = run.communicate(timeout=60)

    assert run.returncode == code, out
    if code == 1:
        assert "Interrupted: the throwaway database is dropped" in out
    wait_until(lambda: not child.exists())
    (shop.path / "clubs/migrations/0002_slow.py").unlink()
    shop.commit({"sql_migrations/0002_authors.sql": AUTHORS})
    if code == 1:
        shop.expect_nothing_left()
    assert shop.check().code == 0
    tried(
        "checkschema --upgrade-from is ended while the release migrates: SIGINT, SIGTERM, SIGKILL "
        f"({database.vendor})",
        item=2,
        result="the release's process ends too; no folder or database is left after the next run",
    )


SECOND_TIME_SLOW = """\
    import os, pathlib, time
    from django.db import migrations

    def sleep(apps, editor):
        first, second = pathlib.Path({marker!r} + "-first"), pathlib.Path({marker!r})
        if first.exists():
            second.write_text(str(os.getpid()))
            time.sleep(100)
        first.touch()

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [migrations.RunPython(sleep)]
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["the release migrates", "today's migrations run there"])
def test_matrix_when_it_is_ended_leaves_no_database_and_no_folder(
    database, tmp_path, monkeypatch, tried, moment, number
):
    shop, marker = RollingShop.of(database, tmp_path, monkeypatch), tmp_path / "marker"
    shop.record_both()
    is_release = moment == "the release migrates"
    text = (SLOW if is_release else SECOND_TIME_SLOW).format(
        marker=str(marker), sleep=SLEEP[database.vendor]
    )
    if is_release:
        shop.commit({"clubs/migrations/0002_slow.py": text}, "v2")
        (shop.path / "clubs/migrations/0002_slow.py").unlink()
        shop.commit({})
    else:
        shop.commit({}, "v2")
        shop.commit({**CHANGE, "clubs/migrations/0002_slow.py": text})
    run = shop.project.start(*shop.options(ref="v2"))
    wait_until(lambda: marker.exists() and marker.read_text())

    run.send_signal(number)
    out, _ = run.communicate(timeout=60)

    assert run.returncode == 1, out
    assert "Interrupted: the throwaway database is dropped" in out
    shop.expect_nothing_left()
    tried(
        f"checkschema --matrix is ended while {moment}: SIGINT, SIGTERM ({database.vendor})",
        item=2,
        result="no process, folder or database is left",
    )
