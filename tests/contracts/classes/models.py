"""Keys whose operator classes are named: the default one of its type, or another one."""

# ruff: noqa: DJ008

from django.contrib.postgres import fields
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Named(models.Model):
    name = models.CharField(max_length=40)
    note = models.TextField()
    number = models.IntegerField()
    tags = fields.ArrayField(models.IntegerField())
    span = fields.IntegerRangeField()

    class Meta:
        db_table = "named"
        indexes = (
            models.Index(fields=["name"], name="ix_name", opclasses=["text_ops"]),
            models.Index(fields=["note"], name="ix_note", opclasses=["text_ops"]),
            models.Index(
                fields=["-number", "note"], name="ix_two", opclasses=["int4_ops", "text_ops"]
            ),
            models.Index(
                fields=["number"], name="ix_cover", include=["note"], opclasses=["int4_ops"]
            ),
            models.Index(OpClass(Lower("note"), name="text_ops"), F("number"), name="ix_lower"),
            GinIndex(fields=["tags"], name="ix_tags", opclasses=["array_ops"]),
            GistIndex(fields=["span"], name="ix_span", opclasses=["range_ops"]),
        )
        constraints = (
            models.UniqueConstraint(fields=["name"], name="un_name", opclasses=["text_ops"]),
            models.UniqueConstraint(
                fields=["note", "number"],
                name="un_cover",
                include=["name"],
                opclasses=["text_ops", "int4_ops"],
            ),
            models.UniqueConstraint(
                fields=["number"], name="un_some", condition=Q(number=1), opclasses=["int4_ops"]
            ),
            ExclusionConstraint(
                name="ex_span",
                expressions=[(OpClass("span", name="range_ops"), RangeOperators.OVERLAPS)],
            ),
        )
