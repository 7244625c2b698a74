"""Completes the package's metadata: the README's links, and the project's addresses.

A package index shows the README without the repository, so its links must be absolute there. Only a
release knows where the repository is: its workflow sets REPOSITORY_URL, such as
``https://github.com/OWNER/NAME``. Without it the links stay relative, and no address is made up.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<image>!?)(?P<text>\[[^\]]*\])\((?!https?:|#|mailto:)(?P<target>[^)\s]+)\)")


class ReleaseMetadata(MetadataHookInterface):
    """Fills in the fields that pyproject.toml lists as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README and, for a release, the addresses of the project."""
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        repository = os.environ.get("REPOSITORY_URL", "").rstrip("/")
        metadata["urls"] = {}
        if repository:
            tag = f"v{metadata['version']}"
            readme = absolute_links(readme, repository, tag)
            metadata["urls"] = {
                "Documentation": f"{repository}/blob/{tag}/docs/index.md",
                "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
                # Where reports find the page of a rule.
                "Rules": f"{repository}/blob/{tag}/migration_guard/linter/rules",
                "Source": repository,
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def absolute_links(readme: str, repository: str, tag: str) -> str:
    """Return the README with links to the files of the release, pictures to their bytes."""

    def replace(match: re.Match[str]) -> str:
        kind = "raw" if match["image"] else "blob"
        return f"{match['image']}{match['text']}({repository}/{kind}/{tag}/{match['target']})"

    return LINK.sub(replace, readme)
