"""A model of no installed app, whose table a test makes."""

from django.db import connection, models


class Club(models.Model):
    name = models.CharField(max_length=40)
    is_open = models.BooleanField(default=True)
    since = models.DateTimeField(null=True)

    class Meta:
        app_label = "usage"

    def __str__(self):
        return self.name


def make_clubs():
    """Make the table of clubs."""
    with connection.schema_editor() as editor:
        editor.create_model(Club)
