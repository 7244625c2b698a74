"""Python's cyclic collector, held back where many values are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold back the collector, a fifth of the time of a large check and of a long history.

    It would walk the facts over and over as they grow in number, and find no garbage.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def freeze_objects() -> Iterator[None]:
    """Let the collector pass over all that there is now: thousands of files that are still needed.

    What a long run makes on its way it collects as ever.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
