"""A managed model that has more than its migrations make, where it has any."""

from django.db import models


class Bird(models.Model):  # noqa: DJ008
    name = models.CharField(max_length=40)
    wings = models.IntegerField(default=2)

    class Meta:
        app_label = "ahead"
        indexes = (models.Index(fields=["name"], name="bird_name"),)
