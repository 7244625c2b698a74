"""The statements that a project's code sends, recorded while its tests run, as a contract.

``recorder`` writes them down; ``check`` asks a server which of them a schema breaks.
"""

from typing import Final

# The environment variable that a test run which records sets for the processes that it starts.
FOLDER: Final = "MIGRATION_GUARD_USAGE_FOLDER"
