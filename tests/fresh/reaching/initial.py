"""A data migration that does not ask which database it is given."""

from django.db import connections, migrations


def reach(_apps, _schema_editor):
    with connections["other"].cursor() as cursor:
        cursor.execute("CREATE TABLE reached (id integer)")


class Migration(migrations.Migration):
    operations = (migrations.RunPython(reach),)
