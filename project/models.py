"""The downstream code: the models of the product that stand on the tables of `sql_migrations/`.

None of them is managed: the schema belongs to the SQL files, and a model only says what it reads.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q


class UserProfile(models.Model):
    """Who the companion talks to: one row a person."""

    class Relationship(models.TextChoices):
        """How close the companion and the person are."""

        ACQUAINTANCE = "acquaintance"
        FRIEND = "friend"
        CONFIDANT = "confidant"
        PARTNER = "partner"
        MENTOR = "mentor"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    vi_user_id = models.UUIDField(unique=True)
    preferred_name = models.CharField(max_length=120, blank=True, db_default="")
    bio = models.TextField(null=True, blank=True)  # noqa: DJ001 -- null is "never asked"
    communication_style = models.JSONField(default=dict, blank=True)
    last_interaction_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    relationship_type = models.CharField(
        max_length=40, choices=Relationship, db_default=Relationship.ACQUAINTANCE
    )
    trust_level = models.SmallIntegerField(db_default=0)

    class Meta:
        """The table of 0027."""

        managed = False
        db_table = "user_profiles"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(trust_level__range=(0, 100)), name="trust_level_range"
            ),
        ]

    def __str__(self) -> str:
        return self.preferred_name or str(self.vi_user_id)


class UserPreference(models.Model):
    """One thing that a person likes, said or inferred."""

    id = models.BigAutoField(primary_key=True)
    vi_user_id = models.UUIDField()
    category = models.CharField(max_length=60)
    preference_key = models.CharField(max_length=120)
    preference_value = models.JSONField(default=dict, blank=True)
    confidence = models.DecimalField(max_digits=4, decimal_places=3, db_default=1)
    source = models.CharField(max_length=20, db_default="explicit")
    is_active = models.BooleanField(db_default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """The table of 0027."""

        managed = False
        db_table = "user_preferences"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["vi_user_id", "category", "preference_key"],
                condition=Q(is_active=True),
                name="user_preferences_active_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category}.{self.preference_key}"


class MultiDimensionalMemory(models.Model):
    """Something the companion remembers, in one of the layers of memory."""

    class Layer(models.TextChoices):
        """What kind of memory it is."""

        EPISODIC = "episodic"
        SEMANTIC = "semantic"
        EMOTIONAL = "emotional"
        RELATIONAL = "relational"
        PROCEDURAL = "procedural"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    vi_user_id = models.UUIDField()
    layer = models.CharField(max_length=20, choices=Layer)
    content = models.TextField()
    dimensions = models.JSONField(default=dict, blank=True)
    salience = models.DecimalField(max_digits=4, decimal_places=3, db_default=0.5)
    source_message_id = models.BigIntegerField(null=True, blank=True)
    recall_count = models.IntegerField(db_default=0)
    last_recalled_at = models.DateTimeField(null=True, blank=True)
    forget_after = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """The table of 0028."""

        managed = False
        db_table = "multi_dimensional_memory"

    def __str__(self) -> str:
        return f"{self.layer}: {self.content[:60]}"


class PreferenceAuditLog(models.Model):
    """One change of a preference. A trigger writes these rows; code only reads them."""

    id = models.BigAutoField(primary_key=True)
    preference_id = models.BigIntegerField()
    vi_user_id = models.UUIDField()
    action = models.CharField(max_length=10)
    old_value = models.JSONField(null=True, blank=True)
    new_value = models.JSONField(null=True, blank=True)
    changed_by = models.CharField(max_length=120)
    changed_at = models.DateTimeField()

    class Meta:
        """The table of 0029."""

        managed = False
        db_table = "preference_audit_log"

    def __str__(self) -> str:
        return f"{self.action} of preference {self.preference_id}"


class UserIdentityMap(models.Model):
    """Which person is behind an account elsewhere; the person may have no `users` row yet."""

    id = models.BigAutoField(primary_key=True)
    vi_user_id = models.UUIDField()
    provider = models.CharField(max_length=40, db_default="local")
    provider_user_id = models.CharField(max_length=255)
    note = models.TextField(null=True, blank=True)  # noqa: DJ001 -- null is "no note"
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The table of 0030."""

        managed = False
        db_table = "user_identity_map"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "provider_user_id"],
                name="user_identity_map_provider_user_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}:{self.provider_user_id}"
