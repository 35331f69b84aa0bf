"""A real language model, the smallest there is, through the whole program.

It proves the pipeline: what such a model says is not worth reading, so only what any model must
keep is asserted.
"""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.models import smollm2_path
from tests.run import Run, reviewbot

SCHEMA = Path(__file__).parents[1] / "docs" / "review.schema.json"
DIFF = """\
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,4 +1,5 @@
 def total(items):
-    return sum(item.price for item in items)
+    first = items[0]
+    return first.price + sum(item.price for item in items)
     # in cents
 # the end
"""
SHOWN = {("LEFT", 2), ("RIGHT", 1), ("RIGHT", 2), ("RIGHT", 3), ("RIGHT", 4), ("RIGHT", 5)}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of its own, with the model that all tests share."""
    folder = tmp_path / "cache-of-this-test"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "smollm2-135m.gguf").symlink_to(smollm2_path())
    return folder


def text_review(cache: Path) -> Run:
    return reviewbot(
        "review", "-", stdin=DIFF, model="smollm2-135m", cache_dir=cache, answer_tokens=64,
        threads=1,
    )  # fmt: skip


def json_review(cache: Path) -> Run:
    return reviewbot(
        "review", "-", "--format", "json", "--fail-on", "never", stdin=DIFF,
        model="smollm2-135m", cache_dir=cache, answer_tokens=64, threads=1,
    )  # fmt: skip


def test_a_real_model_reviews_a_diff_once_and_its_findings_stand_on_lines_of_it(
    cache: Path,
) -> None:
    run = json_review(cache)
    jsonschema.validate(run.document, json.loads(SCHEMA.read_text("utf-8")))
    assert run.code in (0, 2), run.stderr
    assert run.document["model"] == "smollm2-135m"
    assert 2 <= run.document["usage"]["calls"] <= 4  # the probe, the chunk, perhaps its halves
    places = {
        (one["side"], n)
        for one in run.document["findings"]
        for n in (one["start_line"], one["line"])
    }
    assert places <= SHOWN
    gap = run.document["coverage"]["changed_lines"] - run.document["coverage"]["reviewed_lines"]
    assert (run.code == 2) == (gap > 0)
    assert_no_model_is_started_again(run, cache)


def assert_no_model_is_started_again(first: Run, cache: Path) -> None:
    """A second run takes the kept answers; the text says what a reader must know of the model."""
    (cache / "models" / "smollm2-135m.gguf").unlink()
    broken = b"GGUF" + bytes(98_362_432 - 4)  # of the right name and size, and no model
    (cache / "models" / "smollm2-135m.gguf").write_bytes(broken)
    again = json_review(cache)
    assert again.document["usage"]["calls"] == 0
    assert again.document["findings"] == first.document["findings"]
    assert "its findings are not worth reading" in text_review(cache).stdout


def test_doctor_checks_the_model_of_our_own(cache: Path) -> None:
    run = reviewbot("doctor", model="smollm2-135m", cache_dir=cache, threads=1)
    assert run.code == 0, run.stdout
    assert "answers are held to it" in run.stdout
