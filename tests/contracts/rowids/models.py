"""Models whose key is SQLite's rowid, as those of full-text searches are."""

# ruff: noqa: DJ001, DJ008

from django.db import models


class Text(models.Model):
    title = models.CharField(max_length=200)


class Word(models.Model):
    text = models.OneToOneField(Text, on_delete=models.CASCADE, primary_key=True, db_column="rowid")
    title = models.TextField()
    rank = models.FloatField()

    class Meta:
        db_table = "words"


class Line(models.Model):
    number = models.IntegerField(primary_key=True, db_column="rowid")
    title = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "lines"
