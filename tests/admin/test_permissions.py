"""Who may look, and that nobody may do more."""

import pytest
from django.core.management import call_command
from django.test import Client

from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry
from tests.admin.conftest import AUDIT, HISTORY, JOURNAL

FILES = {"0001_a.sql": "CREATE TABLE a (id int);"}
PAGES = (
    HISTORY,
    f"{HISTORY}0001_a/change/",
    f"{HISTORY}status/",
    f"{HISTORY}timeline/",
    f"{HISTORY}export.csv",
    f"{HISTORY}export.json",
    JOURNAL,
    AUDIT,
)
MODELS = (AppliedMigration, AuditEntry, JournalEntry)


def test_migrate_when_run_makes_the_permissions_of_the_unmanaged_models(sqlite, admin):
    from django.contrib.auth.models import Permission

    admin(FILES)

    codenames = set(Permission.objects.values_list("codename", flat=True))
    assert {f"view_{model._meta.model_name}" for model in MODELS} <= codenames


def test_migrate_when_the_runner_made_the_tables_first_still_makes_the_permissions(
    sqlite, migrations, guard, site_apps
):
    from django.contrib.auth.models import Permission

    migrations(FILES)
    assert guard("runsqlmigrations").code == 0

    call_command("migrate", verbosity=0)

    assert Permission.objects.filter(codename="view_appliedmigration").exists()


@pytest.mark.parametrize("path", PAGES)
def test_page_when_nobody_is_logged_in_asks_for_a_login(sqlite, admin, path):
    admin(FILES)

    response = Client().get(path)

    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={path}")


@pytest.mark.parametrize("path", PAGES)
def test_page_when_the_user_lacks_the_permission_is_403(sqlite, admin, staff, path):
    admin(FILES)

    assert staff().get(path).status_code == 403


def test_pages_when_the_user_may_view_the_history_are_those_of_the_history_alone(
    sqlite, admin, staff
):
    admin(FILES)
    site = staff("view_appliedmigration")

    codes = {path: site.get(path).status_code for path in PAGES}

    assert codes == {path: 403 if path in (JOURNAL, AUDIT) else 200 for path in PAGES}
    assert AUDIT not in site.text()


@pytest.mark.parametrize("path", [f"{HISTORY}add/", f"{HISTORY}0001_a/delete/", f"{AUDIT}add/"])
def test_page_when_it_would_change_something_is_403_for_administrators_too(sqlite, admin, path):
    site = admin(FILES)

    assert site.get(path).status_code == 403
    assert site.client.post(path, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_page_when_posted_to_is_refused_and_nothing_changes(sqlite, admin, path):
    site = admin(FILES)
    before = sqlite.execute("SELECT * FROM applied_migrations")

    response = site.client.post(
        path, {"id": "0001_a", "environment": "x", "action": "delete_selected", "_save": "1"}
    )

    assert response.status_code == 405
    assert sqlite.execute("SELECT * FROM applied_migrations") == before


def test_list_when_an_action_is_posted_has_none(sqlite, admin):
    page = admin(FILES).text()

    assert "action-checkbox" not in page
    assert 'name="action"' not in page


def test_index_when_opened_offers_to_view_and_nothing_else(sqlite, admin):
    page = admin(FILES).text("/admin/migration_guard/")

    for path in (HISTORY, JOURNAL, AUDIT):
        assert f'href="{path}"' in page
        assert f"{path}add/" not in page


def test_detail_when_the_id_is_unknown_leads_back_with_a_message(sqlite, admin):
    response = admin(FILES).get("9999_none/change/", follow=True)

    assert "9999_none" in response.content.decode()
    assert response.status_code == 200
