"""``readiness``: a view for the probe of a load balancer or an orchestrator.

path("ready/", migration_guard.views.readiness)

200 where each database of ``DIRS`` has what this image ships, else 503; text, or JSON where the
request accepts it. What stands before a view decides first: a host that ALLOWED_HOSTS does not have
is 400, SECURE_SSL_REDIRECT answers 301.
"""

from http import HTTPStatus

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from migration_guard import health
from migration_guard.exceptions import GuardError
from migration_guard.results import Readiness


@never_cache
@require_safe
@transaction.non_atomic_requests
def readiness(request: HttpRequest, *, django: bool = False) -> HttpResponse:
    """Answer 200 or 503; with ``django``, Django's migrations count too."""
    try:
        found = [health.ready(alias, django=django) for alias in health.aliases()]
    except (GuardError, TypeError, ValueError, OSError):
        found = [Readiness("settings", reason="they cannot be read")]
    if not found:
        found = [Readiness("settings", reason="no database has migrations (DIRS)")]
    is_ready = all(one.is_ready for one in found)
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    if request.get_preferred_type(["text/plain", "application/json"]) == "application/json":
        databases = {
            one.alias: {"ready": one.is_ready, "missing": one.missing, "reason": one.reason}
            for one in found
        }
        return JsonResponse({"ready": is_ready, "databases": databases}, status=status)
    lines = ["ready" if is_ready else "not ready", *(_line(one) for one in found)]
    return HttpResponse("\n".join(lines) + "\n", status=status, content_type="text/plain")


def _line(found: Readiness) -> str:
    if found.reason:
        return f"{found.alias}: {found.reason}"
    return f"{found.alias}: {', '.join(found.missing) or 'ready'}"
