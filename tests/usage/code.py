"""Code of a project that sends statements, in a folder of the test."""

from migration_guard.usage.recorder import record


class Code:
    """Functions of files below `root`, compiled as those of a project are."""

    def __init__(self, root):
        self.root = root

    def function(self, source, name="ask", path="shop/views.py"):
        """Write a file and return a function of it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        names = {"__name__": path.removesuffix(".py").replace("/", ".")}
        exec(compile(source, str(file), "exec"), names)  # noqa: S102 - the test's own text
        return names[name]

    def sender(self, path="shop/views.py"):
        """Return a function `ask(sql, params)` of the project."""
        source = (
            "from django.db import connection\n"
            "def ask(sql, params=None):\n"
            "    with connection.cursor() as cursor:\n"
            "        cursor.execute(sql, params)\n"
            "        return cursor.fetchall() if cursor.description else None\n"
        )
        return self.function(source, path=path)

    def record(self, *calls, path="shop/views.py"):
        """Return what is recorded while the project sends these texts with their values."""
        with record("default", self.root) as statements:
            for place, (sql, params) in enumerate(calls):
                # A function a text, since one that sends texts with other literals formats them.
                self.sender(path=f"shop/view_{place}.py" if len(calls) > 1 else path)(sql, params)
        return statements
