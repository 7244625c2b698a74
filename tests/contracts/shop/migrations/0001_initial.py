"""The tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = (
        migrations.CreateModel(
            "Owner",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=40)),
            ],
        ),
        migrations.CreateModel(
            "Thing",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=40)),
                ("code", models.UUIDField()),
                ("owner", models.ForeignKey("shop.Owner", models.CASCADE)),
            ],
        ),
    )
