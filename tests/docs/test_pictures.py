"""The pictures of terminals in the README show what the commands print now.

`SCREENSHOTS=1` renews them in docs/images.
"""

import os
import re

from migration_guard.usage.statement import parse
from tests.docs import terminal
from tests.docs.examples import Sandbox, project_files
from tests.pipelines import ROOT, copy_project

PICTURE = ROOT / "docs/images/alter-before-create.svg"
COLUMNS = 110
RELATIONSHIP_TYPE = "ALTER TABLE IF EXISTS user_profiles\n    ADD COLUMN relationship_type text;\n"
USER_PROFILES = """\
CREATE TABLE IF NOT EXISTS user_profiles (
    id bigint PRIMARY KEY
);
"""


def check_picture(path, title, shown):
    """Assert that a picture shows these lines; write it where pictures are to be renewed."""
    picture = terminal.draw(title, shown, COLUMNS)
    if os.environ.get("SCREENSHOTS"):
        path.write_text(picture)

    assert terminal.read(path.read_text()) == terminal.read(picture)


def test_picture_of_the_founding_error_when_drawn_now_shows_the_same(tmp_path):
    sandbox = Sandbox(tmp_path, {"DATABASE_URL": "postgresql://localhost/library"})
    for name, text in project_files("postgresql", "postgresql://localhost/library").items():
        (tmp_path / name).write_text(text)
    folder = tmp_path / "sql_migrations"
    folder.mkdir()
    sandbox.env["DJANGO_SETTINGS_MODULE"] = "settings"
    (folder / "0004_users.sql").write_text("CREATE TABLE users (id bigint PRIMARY KEY);\n")
    (folder / "max_migration.txt").write_text("0004_users\n")
    for command in ("git init -q -b main .", "git add .", "git commit -qm Users"):
        assert sandbox.run(command) == (0, "")
    sandbox.run("git switch -qc profiles")
    (folder / "0005_relationship_type.sql").write_text(RELATIONSHIP_TYPE)
    (folder / "0006_user_profiles.sql").write_text(USER_PROFILES)
    (folder / "max_migration.txt").write_text("0006_user_profiles\n")

    command = "python manage.py checksqlmigrations --base main"
    code, out = sandbox.run(f"{command} --force-color")

    assert code == 1
    check_picture(PICTURE, "a pull request", f"$ {command}\n{out}")


ROLLING = ROOT / "docs/images/rolling-deploy.svg"
RENAME = "ALTER TABLE user_profiles RENAME COLUMN preferred_name TO display_name;\n"
MATRIX = (
    "python manage.py checkschema --fresh --usage usage.jsonl --matrix v41 --usage-of-ref v41.jsonl"
)


def test_picture_of_a_rolling_deploy_when_drawn_now_shows_the_same(postgres, tmp_path):
    """The demo is v41, and the next release gives a column another name."""
    copy_project(tmp_path)
    (tmp_path / ".gitignore").write_text("*.jsonl\n__pycache__/\n")
    sandbox = Sandbox(tmp_path, {"DATABASE_URL": postgres.url})

    def run(command):
        code, out = sandbox.run(command)
        assert code == 0, out

    run("git init -q -b main . && git add . && git commit -qm v41 && git tag v41")
    run("python manage.py test project --record-usage v41.jsonl")
    (tmp_path / "sql_migrations/0035_display_name.sql").write_text(RENAME)
    run("sed -i s/preferred_name/display_name/ project/*.py schema_contract.toml")
    run("python manage.py test project --record-usage usage.jsonl")
    code, out = sandbox.run(f"{MATRIX} --force-color")

    assert code == 1, out
    statements = parse((tmp_path / "v41.jsonl").read_text())
    assert {statement.callers for statement in statements} == {
        (f"project/views.py:{function}",) for function in ("show_person", "recall", "sign_in")
    }
    report = re.search(r"Rolling deploy from .*(?=\n\S*\d+ assertions about)", out, re.DOTALL)
    assert report is not None, out
    shown = re.sub(r"\([0-9a-f]{10}\)", "(…)", report[0])
    check_picture(ROLLING, "a rolling deploy", f"$ {MATRIX}\n…\n{shown}")
