"""New names, columns and indexes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("shop", "0001_initial"),)
    operations = (
        migrations.RenameModel("Thing", "Item"),
        migrations.AlterModelTable("Item", "shop_goods"),
        migrations.RenameField("Item", "title", "name"),
        migrations.AddField("Item", "price", models.IntegerField(default=0)),
        migrations.AddField("Item", "rank", models.IntegerField(default=0, db_index=True)),
        migrations.AddIndex("Item", models.Index(fields=["price"], name="goods_price")),
    )
