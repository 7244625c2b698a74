"""Settings of a site that uses many public packages, each with models of its own."""

import json
import os

from tests.site_settings import *  # noqa: F403
from tests.site_settings import INSTALLED_APPS as SITE_APPS
from tests.site_settings import MIDDLEWARE as SITE_MIDDLEWARE

INSTALLED_APPS = [
    *SITE_APPS,
    "django.contrib.flatpages",
    "django.contrib.redirects",
    "django.contrib.sites",
    "actstream",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "auditlog",
    "axes",
    "cms",
    "django_otp",
    "django_otp.plugins.otp_email",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_q",
    "easy_thumbnails",
    "filer",
    "guardian",
    "menus",
    "oauth2_provider",
    "push_notifications",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_simplejwt.token_blacklist",
    "reversion",
    "silk",
    "social_django",
    "taggit",
    "treebeard",
    "waffle",
    "wagtail",
    "wagtail.admin",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.search_promotions",
    "wagtail.contrib.settings",
    "wagtail.contrib.simple_translation",
    "wagtail.documents",
    "wagtail.embeds",
    "wagtail.images",
    "wagtail.locales",
    "wagtail.search",
    "wagtail.sites",
    "wagtail.users",
]
MIDDLEWARE = [*SITE_MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
SITE_ID = 1
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
LANGUAGES = [("en", "English")]
LANGUAGE_CODE = "en"
CMS_CONFIRM_VERSION4 = True
WAGTAIL_SITE_NAME = "laws"
WAGTAILADMIN_BASE_URL = "http://localhost"
# Its own defaults contradict each other.
Q_CLUSTER = {"timeout": 60, "retry": 120}
SILENCED_SYSTEM_CHECKS = ["axes.W001", "axes.W002", "axes.W003", "axes.W004"]
MIGRATION_MODULES: object = {}

globals().update(json.loads(os.environ.get("TEST_SETTINGS_JSON", "{}")))


class NoMigrations:
    """Says that no app but the guard has migrations, so that tables are made of the models."""

    def __contains__(self, label: str) -> bool:
        return label != "migration_guard"

    def __getitem__(self, label: str) -> None:
        return None


if MIGRATION_MODULES == "none":
    MIGRATION_MODULES = NoMigrations()
