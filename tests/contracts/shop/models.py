"""Managed models whose table, columns, keys and indexes come in three migrations."""

from django.db import models


class Owner(models.Model):  # noqa: DJ008
    name = models.CharField(max_length=80)

    class Meta:
        app_label = "shop"


class Item(models.Model):  # noqa: DJ008
    name = models.CharField(max_length=40)
    code = models.UUIDField()
    owner = models.ForeignKey(Owner, models.CASCADE)
    price = models.IntegerField(default=0)
    rank = models.IntegerField(default=0, db_index=True)
    tags = models.ManyToManyField(Owner, related_name="+")

    class Meta:
        app_label = "shop"
        db_table = "shop_goods"
        unique_together = (("name", "rank"),)
        indexes = (models.Index(fields=["price"], name="goods_price"),)
        constraints = (
            models.UniqueConstraint(fields=["name", "owner"], name="goods_once"),
            models.CheckConstraint(condition=models.Q(price__gte=0), name="goods_price_ok"),
        )
