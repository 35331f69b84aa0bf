"""The renderings whose exact text stands in tests/golden/report/.

After a wanted change, `python -m tests.golden_reports` writes the files; look at their diff.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from reviewbot.findings.review import Review
from reviewbot.report.annotations import render_github
from reviewbot.report.document import render_json
from reviewbot.report.markdown import render_markdown
from reviewbot.report.plan import render_plan_text
from reviewbot.report.rdjson import render_rdjson
from reviewbot.report.sarif import render_sarif
from reviewbot.report.text import render_text
from tests.reviews import clean_review, empty_review, full_review, hostile_review, plan

FOLDER = Path(__file__).parent / "golden" / "report"


def sarif_of_any_version(review: Review) -> str:
    """Render SARIF without this tool's own version, which rises with each release."""
    ours = f'"semanticVersion": "{version("reviewbot")}"'
    return render_sarif(review).replace(ours, '"semanticVersion": "ours"')


FORMATS: dict[str, Callable[[Review], str]] = {
    "80.txt": partial(render_text, color=False, width=80),
    "json": render_json,
    "sarif": sarif_of_any_version,
    "rdjson": render_rdjson,
    "md": render_markdown,
    "github": render_github,
}
"""Every format by the ending of its files."""

REVIEWS: dict[str, Review] = {
    "full": full_review(),
    "clean": clean_review(),
    "hostile": hostile_review(),
    "empty": empty_review(),
}

RENDERINGS: dict[str, Callable[[], str]] = {
    **{
        f"{name}.{ending}": partial(render, review)
        for name, review in REVIEWS.items()
        for ending, render in FORMATS.items()
    },
    "full.colour.txt": partial(render_text, full_review(), color=True, width=80),
    "full.120.txt": partial(render_text, full_review(), color=False, width=120),
    "plan.80.txt": partial(render_plan_text, plan(), color=False, width=80),
    "plan.colour.txt": partial(render_plan_text, plan(), color=True, width=80),
    "plan.json": partial(render_json, plan()),
}


def main() -> None:
    """Write every golden file anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, render in RENDERINGS.items():
        (FOLDER / name).write_text(render(), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
