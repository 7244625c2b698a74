"""Downstream code that reads a column which no database was ever given."""

from django.db import models


class Profile(models.Model):
    id = models.BigIntegerField(primary_key=True)
    relationship_type = models.CharField(max_length=40)

    class Meta:
        managed = False
        db_table = "user_profiles"

    def __str__(self):
        return self.relationship_type
