"""Changing the history or the environment stamp by hand, which nothing else does."""

from migration_guard.running.repairing.repair import repair
from migration_guard.running.repairing.target import Repair

__all__ = ["Repair", "repair"]
