"""What only PostgreSQL has: the fields, indexes and constraints of django.contrib.postgres."""

# ruff: noqa: DJ008

from django.contrib.postgres import fields, indexes, search
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Collate, Upper


class Fields(models.Model):
    names = fields.ArrayField(models.CharField(max_length=10))
    grid = fields.ArrayField(fields.ArrayField(models.IntegerField()), null=True)
    sized = fields.ArrayField(models.DecimalField(max_digits=4, decimal_places=1), size=3)
    pairs = fields.HStoreField()
    integers = fields.IntegerRangeField()
    bigs = fields.BigIntegerRangeField()
    decimals = fields.DecimalRangeField()
    moments = fields.DateTimeRangeField()
    dates = fields.DateRangeField()
    vector = search.SearchVectorField(null=True)
    collated = models.CharField(max_length=10, db_collation="C")
    collated_text = models.TextField(db_collation="POSIX")
    ip = models.GenericIPAddressField(protocol="IPv4", unpack_ipv4=False)
    with_default = models.JSONField(db_default={"a": [1, "50%"]})
    listed = fields.ArrayField(models.IntegerField(), db_default=[1, 2])


class Generated(models.Model):
    name = models.CharField(max_length=40)
    vector = models.GeneratedField(
        expression=search.SearchVector("name", config="english"),
        output_field=search.SearchVectorField(),
        db_persist=True,
    )
    listed = models.GeneratedField(
        expression=Func(
            "name", function="string_to_array", template="%(function)s(%(expressions)s, ',')"
        ),
        output_field=fields.ArrayField(models.TextField()),
        db_persist=True,
    )


class Indexes(models.Model):
    name = models.CharField(max_length=40)
    tags = fields.ArrayField(models.CharField(max_length=10))
    vector = search.SearchVectorField(null=True)
    span = fields.IntegerRangeField()

    class Meta:
        indexes = (
            indexes.GinIndex(fields=["tags"], name="ix_gin"),
            indexes.GinIndex(fields=["vector"], name="ix_gin_fast", fastupdate=False),
            indexes.GistIndex(fields=["span"], name="ix_gist"),
            indexes.SpGistIndex(fields=["span"], name="ix_spgist"),
            indexes.BrinIndex(fields=["id"], name="ix_brin", pages_per_range=16),
            indexes.HashIndex(fields=["name"], name="ix_hash"),
            indexes.BTreeIndex(fields=["name"], name="ix_btree", fillfactor=50),
            models.Index(fields=["name"], name="ix_like", opclasses=["varchar_pattern_ops"]),
            models.Index(
                indexes.OpClass(Upper("name"), name="varchar_pattern_ops").desc(),
                F("id"),
                name="ix_opclass",
            ),
            models.Index(Collate("name", "C"), name="ix_collate"),
            models.Index(Collate(Upper("name"), "C").desc(nulls_last=True), name="ix_collate_up"),
        )


class Room(models.Model):
    number = models.IntegerField()
    span = fields.DateTimeRangeField()
    other = fields.IntegerRangeField()
    start = models.DateTimeField()
    stop = models.DateTimeField()
    cancelled = models.BooleanField(default=False)

    class Meta:
        constraints = (
            ExclusionConstraint(
                name="no_overlap",
                expressions=[
                    ("span", RangeOperators.OVERLAPS),
                    ("other", RangeOperators.ADJACENT_TO),
                ],
                condition=Q(cancelled=False),
            ),
            ExclusionConstraint(
                name="no_overlap_of_times",
                expressions=[
                    (
                        Func(F("start"), F("stop"), RangeBoundary(), function="TSTZRANGE"),
                        RangeOperators.OVERLAPS,
                    )
                ],
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(
                fields=["number"], name="un_opclass", opclasses=["int4_ops"], condition=Q(number=1)
            ),
        )


class Named(models.Model):
    name = models.CharField(max_length=40)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["name"], name="un_like", opclasses=["varchar_pattern_ops"]
            ),
            models.CheckConstraint(
                condition=Q(name__in=["a", "b"]) | Q(name__startswith="50%"), name="ck_named"
            ),
        )
