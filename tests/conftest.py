"""What all tests share: an own cache and configuration, and hypothesis without a stop watch."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# two cores shared with a model server make single examples slow, which says nothing
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test-crash` ask for the whole product of crashes."""
    parser.addoption("--every-crash", action="store_true", help="kill every part at every step")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that stay together, so that none of them is waited for at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's settings, answers and colours out of every test."""
    for name in [name for name in os.environ if name.startswith("REVIEWBOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
