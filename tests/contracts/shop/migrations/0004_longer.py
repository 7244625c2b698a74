"""A longer name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("shop", "0003_keys"),)
    operations = (migrations.AlterField("Owner", "name", models.CharField(max_length=80)),)
