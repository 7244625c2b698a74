"""Times of other tables as parameters for a column of Django's."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from migration_guard.running.connection import Connection


def as_parameter(connection: Connection, moment: datetime) -> Any:
    """Return a time as the driver takes it; one without a zone is in the connection's."""
    if timezone.is_naive(moment):
        zone = connection.wrapper.timezone or timezone.get_default_timezone()
        moment = moment.replace(tzinfo=zone)
    if not settings.USE_TZ:
        moment = timezone.make_naive(moment)
    return connection.wrapper.ops.adapt_datetimefield_value(moment)
