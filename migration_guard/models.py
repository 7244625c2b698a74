"""The app's own tables as Django models, for the admin and for reading.

Invariants: a row of ``AppliedMigration`` exists if and only if the migration is applied. Models and
managers refuse to change a row, since ``history.py`` is the only writer.
"""

from typing import Any, NoReturn

from django.db import models
from django.db.models.signals import pre_delete, pre_save
from django.utils.translation import gettext_lazy as _


class HistoryIsImmutable(TypeError):
    """Raised when code tries to change the history through the ORM."""

    def __init__(self) -> None:
        super().__init__(
            "The migration history cannot be changed through the ORM; "
            "use manage.py repairsqlmigrations, which records who did it and why."
        )


class ReadOnlyQuerySet(models.QuerySet[Any]):
    """A query set that can only read."""

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise HistoryIsImmutable

    create = get_or_create = update_or_create = _refuse
    update = delete = bulk_create = bulk_update = _refuse
    acreate = aget_or_create = aupdate_or_create = _refuse
    aupdate = adelete = abulk_create = abulk_update = _refuse
    # Private methods that Model.save(), Model.delete() and the admin call.
    _update = _insert = _raw_delete = _refuse


class ReadOnlyModel(models.Model):
    """A model that can only be read."""

    objects = ReadOnlyQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: see ``HistoryIsImmutable``."""
        raise HistoryIsImmutable

    def save_base(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: see ``HistoryIsImmutable``."""
        raise HistoryIsImmutable

    def delete(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: see ``HistoryIsImmutable``."""
        raise HistoryIsImmutable


class AppliedMigration(ReadOnlyModel):
    """One applied migration.

    ``number`` is padded with zeros to 40 digits, so that text sorts like the integer. ``sql``,
    ``checksum`` and ``fingerprint`` are null if they are unknown or cannot be stored.
    """

    class How(models.TextChoices):
        """How the row was recorded."""

        RUN = "run", _("run")
        FAKE = "fake", _("fake")
        BASELINE = "baseline", _("baseline")
        ADOPTED = "adopted", _("adopted")

    id = models.CharField(_("id"), primary_key=True, max_length=200)
    number = models.CharField(_("number"), max_length=40)
    checksum = models.CharField(_("checksum"), max_length=64, null=True)  # noqa: DJ001
    fingerprint = models.CharField(_("fingerprint"), max_length=64, null=True)  # noqa: DJ001
    sql = models.TextField(_("SQL"), null=True)  # noqa: DJ001
    how = models.CharField(_("source"), max_length=10, choices=How)
    applied_at = models.DateTimeField(_("applied at"))
    duration_ms = models.BigIntegerField(_("duration (ms)"), null=True)
    database_user = models.CharField(_("database user"), max_length=200)
    environment = models.CharField(_("environment"), max_length=50)

    class Meta:
        managed = False
        db_table = "applied_migrations"
        ordering = ("number", "id")
        verbose_name = _("applied migration")
        verbose_name_plural = _("applied migrations")

    def __str__(self) -> str:
        return self.id


class JournalEntry(ReadOnlyModel):
    """One migration that runs, or failed, outside a single transaction.

    ``done`` of ``total`` statements are committed, and ``done_digest`` is their digest. ``doubt``
    is the number of a statement that was sent and whose end is not known (0 for none); ``note`` is
    the state of the database before it was sent.
    """

    class State(models.TextChoices):
        """Whether the migration failed, or runs (or was interrupted)."""

        RUNNING = "running", _("running")
        FAILED = "failed", _("failed")

    id = models.CharField(_("id"), primary_key=True, max_length=200)
    number = models.CharField(_("number"), max_length=40)
    state = models.CharField(_("state"), max_length=10, choices=State)
    done = models.IntegerField(_("statements done"))
    total = models.IntegerField(_("statements"))
    done_digest = models.CharField(_("digest of the statements done"), max_length=64)
    doubt = models.IntegerField(_("statement in doubt"))
    note = models.TextField(_("note"))
    statement = models.TextField(_("statement"))
    error = models.TextField(_("error"))
    started_at = models.DateTimeField(_("started at"))
    updated_at = models.DateTimeField(_("updated at"))
    database_user = models.CharField(_("database user"), max_length=200)
    environment = models.CharField(_("environment"), max_length=50)

    class Meta:
        managed = False
        db_table = "migration_guard_journal"
        ordering = ("number", "id")
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")

    def __str__(self) -> str:
        return f"{self.id}: {self.done}/{self.total}"


class AuditEntry(ReadOnlyModel):
    """One action that is worth a record: who did what, when and why."""

    id = models.BigAutoField(_("id"), primary_key=True)
    at = models.DateTimeField(_("at"))
    who = models.CharField(_("who"), max_length=200)
    database_user = models.CharField(_("database user"), max_length=200)
    action = models.CharField(_("action"), max_length=40)
    migration_id = models.CharField(_("migration"), max_length=200)
    reason = models.TextField(_("reason"))
    details = models.TextField(_("details"))

    class Meta:
        managed = False
        db_table = "migration_guard_audit"
        ordering = ("-id",)
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.action} {self.migration_id}".strip()


class EnvironmentStamp(ReadOnlyModel):
    """The environment that a database belongs to. There is one row, with the id 1.

    ``schema_name`` is the schema in which migrations make their tables; null where the vendor has
    no schemas, and in a row of version 0.1.
    """

    id = models.SmallIntegerField(_("id"), primary_key=True)
    environment = models.CharField(_("environment"), max_length=50)
    stamped_at = models.DateTimeField(_("stamped at"))
    who = models.CharField(_("who"), max_length=200)
    schema_name = models.CharField(_("schema"), max_length=200, null=True)  # noqa: DJ001

    class Meta:
        managed = False
        db_table = "migration_guard_environment"
        verbose_name = _("environment stamp")
        verbose_name_plural = _("environment stamps")

    def __str__(self) -> str:
        return self.environment


def _refuse(**_kwargs: object) -> NoReturn:
    raise HistoryIsImmutable


# Ways around the methods above: Model.save_base(row), a Collector, loaddata.
for _model in (AppliedMigration, JournalEntry, AuditEntry, EnvironmentStamp):
    pre_save.connect(_refuse, sender=_model, dispatch_uid=f"immutable {_model.__name__}")
    pre_delete.connect(_refuse, sender=_model, dispatch_uid=f"immutable {_model.__name__}")
