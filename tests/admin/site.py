"""The demo project, served by a process of its own, and a browser to look at it with."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers import on_sudden_death

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext

    from tests.servers import Database

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "sql_migrations"
PASSWORD = "correct horse battery staple"
START_TIMEOUT = 60  # seconds
PEOPLE = """
from django.contrib.auth.models import Permission, User
User.objects.create_superuser("ada", password={password!r})
User.objects.create_user("eve", password={password!r}, is_staff=True)
"""


@dataclass
class Site:
    """A running demo project: its database, its folder of migrations, its address."""

    database: Database
    root: Path
    theme: str = ""
    url: str = ""
    address: tuple[str, int] = ("", 0)
    sessions: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of migrations."""
        return self.root / "sql_migrations"

    @property
    def environment(self) -> dict[str, str]:
        """What the demo's processes are started with."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.admin.demo_settings",
            "DATABASE_URL": self.database.url,
            "DEMO_FOLDER": str(self.folder),
            "DEMO_THEME": self.theme,
            "APP_ENV": "dev",
        }

    def manage(self, *args: str, code: int = 0) -> str:
        """Run a command that must end with `code`; return what it wrote."""
        process = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *args],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == code, process.stdout
        return process.stdout

    def write(self, name: str, sql: str) -> None:
        """Write a migration."""
        (self.folder / name).write_text(sql, encoding="utf-8")

    def fill(self) -> None:
        """Apply all of the demo, and let in an administrator and a member of staff."""
        shutil.copytree(DEMO, self.folder)
        self.manage("migrate", "--verbosity", "0")
        self.manage("runsqlmigrations")
        self.manage("shell", "--no-imports", "-c", PEOPLE.format(password=PASSWORD))

    @contextlib.contextmanager
    def served(self) -> Iterator[Site]:
        """Serve it on a free port."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        port = self.address[1]
        self.url = f"http://127.0.0.1:{port}/admin/"
        process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "manage.py"),
                "runserver",
                f"127.0.0.1:{port}",
                "--noreload",
            ],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with on_sudden_death(f"kill -KILL {process.pid}"):
            try:
                self._wait(process)
                yield self
            finally:
                process.terminate()
                process.wait(START_TIMEOUT)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            assert process.poll() is None, "the demo's server ended"
            with contextlib.suppress(OSError), socket.create_connection(self.address, timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the demo's server does not answer")

    def context(self, browser: Browser, who: str | None, **options: Any) -> BrowserContext:
        """Return a browser in which `who` is logged in."""
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
        )
        context.set_default_timeout(20_000)
        if who is not None:
            if who not in self.sessions:
                self.sessions[who] = self._log_in(browser, who)
            context.add_cookies(self.sessions[who])
        return context

    def _log_in(self, browser: Browser, who: str) -> Any:
        page = browser.new_page(locale="en-GB")
        page.goto(f"{self.url}login/")
        page.fill("#id_username", who)
        page.fill("#id_password", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_url(self.url)
        cookies = page.context.cookies()
        page.close()
        return cookies


def chromium() -> str | None:
    """Return the path of Debian's Chromium, or of what `CHROMIUM` names."""
    return shutil.which(os.environ.get("CHROMIUM", "chromium"))


def missing() -> str:
    """Return why no browser can be started, or an empty string."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        return f"Playwright is not installed ({error}); uv sync"
    return "" if chromium() else "chromium is not installed; apt-get install chromium"


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without a window; it asks the network for nothing by itself."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield started
        finally:
            started.close()
