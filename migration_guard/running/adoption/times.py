"""Times of other tables: as moments, and as parameters for a column of Django's."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from migration_guard.running.connection import Connection


def as_moment(connection: Connection, time: datetime) -> datetime:
    """Return an aware time; one without a zone is in that of the connection."""
    if timezone.is_aware(time):
        return time
    return time.replace(tzinfo=connection.wrapper.timezone or timezone.get_default_timezone())


def as_parameter(connection: Connection, moment: datetime) -> Any:
    """Return an aware time as the driver takes it."""
    if not settings.USE_TZ:
        moment = timezone.make_naive(moment)
    return connection.wrapper.ops.adapt_datetimefield_value(moment)
