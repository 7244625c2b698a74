"""Constraints, and the table of a many-to-many field."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("shop", "0002_goods"),)
    operations = (
        migrations.AlterUniqueTogether("Item", {("name", "rank")}),
        migrations.AddConstraint(
            "Item", models.UniqueConstraint(fields=["name", "owner"], name="goods_once")
        ),
        migrations.AddConstraint(
            "Item",
            models.CheckConstraint(condition=models.Q(price__gte=0), name="goods_price_ok"),
        ),
        migrations.AddField("Item", "tags", models.ManyToManyField("shop.Owner", related_name="+")),
    )
