"""A connection of the app's own beside one of the project, and set to the same tenant."""

import copy
from functools import cached_property
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def copy_wrapper(original: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Return a wrapper that is not open yet, and set to what ``original`` is set to.

    Django's own copy is made from the settings alone: a wrapper that knows tenants
    (``set_tenant``, ``set_schema``) would be back at its first one.
    """
    wrapper: BaseDatabaseWrapper = original.copy()
    state = _state_beyond_django(original)
    if state is not None:
        wrapper.settings_dict = copy.deepcopy(original.settings_dict)
        vars(wrapper).update(state)
        # The wrapper forgets what it knows of the session, which is that of the original.
        wrapper.close()
    return wrapper


def _state_beyond_django(original: BaseDatabaseWrapper) -> dict[str, Any] | None:
    """Return the attributes that a subclass of others has set; None of a wrapper of Django's."""
    kind = type(original)
    of_django = next(base for base in kind.__mro__ if base.__module__.startswith("django."))
    if kind is of_django:
        return None
    plain = of_django(copy.deepcopy(original.settings_dict), original.alias)
    known = {*vars(plain), *dir(of_django)}
    return {
        name: copy.copy(value) if isinstance(value, list | dict | set) else value
        for name, value in vars(original).items()
        if name not in known
        and not isinstance(getattr(kind, name, None), cached_property)
        and not _is_bound(value, original)
    }


def _is_bound(value: Any, original: BaseDatabaseWrapper) -> bool:
    """Return whether a value works on ``original`` itself: a patched method, a helper object."""
    parts = getattr(value, "__dict__", {}).values()
    return callable(value) or value is original or any(part is original for part in parts)
