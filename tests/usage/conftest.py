"""A project whose code sends statements."""

import pytest

from tests.usage.code import Code


@pytest.fixture
def code(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return Code(root)
