"""What the measurements are of: the machine, the servers, and the peers with their versions."""

import json
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests import servers

PACKAGES = ["Django", "psycopg", "mysqlclient"]
PACKAGES += ["yoyo-migrations", "django-extensions", "sqlparse", "postgast"]


def machine() -> str:
    """Return processors, memory and versions; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {
        "Python": platform.python_version(),
        "PostgreSQL": _postgresql(),
        "MariaDB": _mariadb(),
        **{name: _package(name) for name in PACKAGES},
        **{name: _says(name) for name in ("psql", "dbmate", "sqitch")},
        "sql-migrate": _says("dpkg-query", "-W", "sql-migrate"),
        "node-pg-migrate": _node_package("node-pg-migrate"),
        "pgTAP": _pgtap(),
    }
    parts = [
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GB of memory",
        f"{platform.system()} {platform.release().split('-')[0]}",
        *(f"{name} {found}" for name, found in versions.items() if found),
    ]
    return "Measured on " + "; ".join(parts) + "."


def pgtap_script() -> Path | None:
    """Return pgTAP's script, of the newest server that it is installed for."""
    found = sorted(Path("/usr/share/postgresql").glob("*/extension/pgtap.sql"))
    return found[-1] if found else None


def _postgresql() -> str:
    with servers.postgres_server() as server, server.open() as connection:
        return str(connection.info.parameter_status("server_version"))


def _mariadb() -> str:
    if servers.mariadb_missing():
        return ""
    if "MARIADB_URL" not in os.environ:
        return _says(servers.find_program("mariadbd") or "")
    with servers.mariadb_server() as server:
        connection = server.open()
        try:
            return str(connection.get_server_info())
        finally:
            connection.close()


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _says(program: str, *arguments: str) -> str:
    """Return the first version in what a program says of itself."""
    try:
        said = subprocess.run(  # noqa: S603
            [program, *(arguments or ("--version",))],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\d+\.\d\S*", said.stdout)
    return found[0] if found else ""


def _node_package(name: str) -> str:
    """Return what the package says whose program is on the PATH, for not each program says it."""
    program = Path(shutil.which(name) or "").resolve()
    for folder in program.parents:
        if folder.name == name and (folder / "package.json").exists():
            text = (folder / "package.json").read_text(encoding="utf-8")
            return str(json.loads(text)["version"])
    return ""


def _pgtap() -> str:
    script = pgtap_script()
    if not script:
        return ""
    control = script.with_suffix(".control").read_text(encoding="utf-8")
    found = re.search(r"default_version = '(.*)'", control)
    return found[1] if found else ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.machine()
    lines = info.read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
