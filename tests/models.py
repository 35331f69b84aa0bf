"""The one real model that tests run: fetched once into the user's cache, then found there."""

from pathlib import Path

import platformdirs

from reviewbot.servers.catalogue import find_entry, load_catalogue
from reviewbot.servers.download import pull

# asked before `conftest` gives each test a cache of its own: 98 MB are fetched once, not each time
FOLDER = platformdirs.user_cache_path("reviewbot") / "models"


def smollm2_path() -> Path:
    """Give the file of smollm2-135m. Processes that ask at once take turns; one downloads it."""
    return pull(find_entry("smollm2-135m", load_catalogue()), FOLDER, lambda *_: None)
