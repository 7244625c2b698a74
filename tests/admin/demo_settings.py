"""The demo project as a browser test sees it: any folder, any theme, and a strict CSP."""

import os
from pathlib import Path

from project import settings as demo
from project.settings import INSTALLED_APPS, MIDDLEWARE, MIGRATION_GUARD

globals().update({name: value for name, value in vars(demo).items() if name.isupper()})

if theme := os.environ.get("DEMO_THEME"):
    # A theme's templates replace those of the admin, so it stands before it.
    INSTALLED_APPS = [theme, *INSTALLED_APPS]
    JAZZMIN_SETTINGS = {"use_google_fonts_cdn": False}
else:
    # Themes have scripts of their own that a strict policy forbids.
    MIDDLEWARE = [*MIDDLEWARE, "tests.admin.demo_settings.strict_csp"]

if folder := os.environ.get("DEMO_FOLDER"):
    MIGRATION_GUARD = {**MIGRATION_GUARD, "DIRS": {"default": [Path(folder)]}}


def strict_csp(get_response):
    """Forbid what is inline: a violation is an error in the browser's console."""

    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return response

    return middleware
