"""URLs of the demo project: the admin, and what the companion asks."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from project import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("people/<uuid:vi_user_id>/", views.show_person),
    path("people/<uuid:vi_user_id>/memories/<slug:layer>/", views.recall),
    path("people/<uuid:vi_user_id>/accounts/<slug:provider>/<slug:account>/", views.sign_in),
]
