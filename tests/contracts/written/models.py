"""Managed and unmanaged models that stand on each other; their tables are up to the tests."""

# ruff: noqa: DJ008

from django.db import models


class Raw(models.Model):
    name = models.CharField(max_length=20)
    others = models.ManyToManyField("self")

    class Meta:
        managed = False
        db_table = "raw_table"


class Proxy(Raw):
    class Meta:
        proxy = True


class Parent(models.Model):
    class Meta:
        managed = False


class Child(Parent):
    pass


class Grandchild(Child):
    class Meta:
        managed = False
