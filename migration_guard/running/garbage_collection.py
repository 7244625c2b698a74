"""Python's cyclic collector, held back where many values are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch the collector off: it takes a fifth of the time of a large check or a long history.

    It would walk the values over and over as they grow in number, and find no garbage.
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
    """Keep the collector from looking at what exists now: thousands of files that are still needed.

    It still collects what a long run makes on its way.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
