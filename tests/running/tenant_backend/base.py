"""A database backend with tenants as django-tenant-schemas has it: the schema is an attribute."""

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Sets the search path with the first cursor of a session."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.schema_name = "public"
        self.search_path_set = False
        self.history = []

    def set_schema(self, name):
        self.schema_name = name
        self.history.append(name)
        self.search_path_set = False

    def close(self):
        self.search_path_set = False
        super().close()

    def _cursor(self, name=None):
        cursor = super()._cursor(name=name)
        if not self.search_path_set:
            self.search_path_set = True
            cursor.execute(f'SET search_path = "{self.schema_name}", public')
        return cursor
