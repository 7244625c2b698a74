"""What the audit and the stored SQL tell about the migrations of a plan, as plain values."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Act(NamedTuple):
    """One entry of the audit.

    ``sql`` is the script of ``runauditedsql``, which was in ``file``, or else the text that the
    history had of the migration before the act.
    """

    action: str
    migration_id: str
    who: str
    day: str
    reason: str
    file: str = ""
    sql: str = ""

    @property
    def circumstances(self) -> str:
        """Who did it, when and why."""
        return f"by {self.who} on {self.day}: {self.reason}"


class Evidence(NamedTuple):
    """What a database's own tables tell beside its history.

    ``acts`` are in order of time. ``sql`` is the SQL as it was applied, of the migrations whose
    file was edited since or is missing, as far as it is stored.
    """

    acts: tuple[Act, ...] = ()
    sql: Mapping[str, str] = MappingProxyType({})
