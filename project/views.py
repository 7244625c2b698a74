"""What the companion's own pages ask of the tables: a person, what is remembered, who signs in."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from project.models import MultiDimensionalMemory, UserIdentityMap, UserPreference, UserProfile


@require_GET
def show_person(_request: HttpRequest, vi_user_id: UUID) -> JsonResponse:
    """Return how to address a person, and what the person likes."""
    profile = get_object_or_404(UserProfile, vi_user_id=vi_user_id)
    likes = UserPreference.objects.filter(vi_user_id=vi_user_id, is_active=True)
    return JsonResponse(
        {
            "name": profile.preferred_name,
            "relationship": profile.relationship_type,
            "likes": dict(likes.values_list("preference_key", "preference_value")),
        }
    )


@require_GET
def recall(_request: HttpRequest, vi_user_id: UUID, layer: str) -> JsonResponse:
    """Return the most salient memories of a layer."""
    memories = MultiDimensionalMemory.objects.filter(vi_user_id=vi_user_id, layer=layer)
    contents = memories.order_by("-salience").values_list("content", flat=True)[:5]
    return JsonResponse({"memories": list(contents)})


@csrf_exempt
@require_POST
def sign_in(_request: HttpRequest, vi_user_id: UUID, provider: str, account: str) -> HttpResponse:
    """Note that a person came by an account elsewhere; the key of 0030 keeps it unique."""
    seen = UserIdentityMap(
        vi_user_id=vi_user_id,
        provider=provider,
        provider_user_id=account,
        last_seen_at=timezone.now(),
    )
    UserIdentityMap.objects.bulk_create(
        [seen],
        update_conflicts=True,
        unique_fields=["provider", "provider_user_id"],
        update_fields=["last_seen_at"],
    )
    return HttpResponse(status=204)
