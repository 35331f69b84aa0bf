"""The page of a run: what a browser would make of it, with hostile diffs and hostile models."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from reviewbot.evaluation.page import render_page
from reviewbot.evaluation.record import CaseRecord, append_record
from reviewbot.evaluation.reviewed import read_run, rules_by_line
from tests.test_score import CASES, make_run, said_at

HOSTILE = '"><script>alert(1)</script><img src=//evil onerror=x>\u202e\x1b[2J\x00&amp;</td></table>'
VOID = {"meta", "br", "img", "link"}


class Browser(HTMLParser):
    """Collects the elements, the ids, the links and the visible text; sees that all is closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.policy = ""
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.attributes |= values.keys()
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links |= {value or "" for name, value in attrs if name == "href"}
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        self.open += [tag] * (tag not in VOID)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(folder: Path) -> str:
    return render_page(read_run(folder), rules_by_line()[-1], "the score <of> all\nlines")


def test_the_page_shows_diff_goldens_findings_and_fates_side_by_side(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, CASES, known_bad=[33]))
    text = " ".join(Browser(page).text)
    for words in (
        "Go-1", "line 17", "fault at 20", "Title 30", "found · a.py:5", "missed · a.py:20",
        "shown · right", "shown · wrong", "capped · right", "judge +3.00", "looks 1",
        "Rejected by experts (1)", "fault at 33", "the score <of> all",
        "3 findings shown of 3 candidates",
    ):  # fmt: skip
        assert words in text
    marked = re.findall(r'<tr class="add golden finding"><td class="n"></td><td class="n">5<', page)
    assert len(marked) == 1


def test_the_index_leads_to_each_case_by_what_became_of_it(tmp_path: Path) -> None:
    folder = make_run(tmp_path, CASES)
    append_record(folder, CaseRecord("Go-clean", "scripted", "fake", 3, failure="server gone"))
    page = page_of(folder)
    browser = Browser(page)
    assert browser.ids == ["case-1", "case-2", "case-3", "case-4"]
    assert browser.links == {f"#{name}" for name in browser.ids}
    assert "With a missed golden (1)" in page
    assert "Clean, with findings (1)" in page
    assert "Failed (1)" in page
    assert "Python (2)" in page
    assert "failed: server gone" in page


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    """A run in which every text that comes from elsewhere attacks the page."""
    bad = msgspec.structs.replace(
        said_at(5), title=HOSTILE, body=f"{HOSTILE}\n{HOSTILE}", severity=HOSTILE,
        category=HOSTILE, source=HOSTILE, reason=HOSTILE, refuted=HOSTILE,
    )  # fmt: skip
    folder = make_run(tmp_path, {HOSTILE: ([5], [bad])}, known_bad=[5])
    data = tmp_path / "data"
    path = HOSTILE.partition("\0")[0]
    added = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@ {HOSTILE}\n+{HOSTILE}\n"
    with (data / "a.diff").open("a", encoding="utf-8") as file:
        file.write(added)
    info = msgspec.json.decode((folder / "run.json").read_bytes())
    (folder / "run.json").write_bytes(msgspec.json.encode(info | {"model": HOSTILE}))
    append_record(
        folder,
        CaseRecord(HOSTILE, HOSTILE, "fake", 3, (bad, bad), failure=HOSTILE),
    )
    return page_of(folder)


def test_nothing_hostile_becomes_markup(hostile: str) -> None:
    browser = Browser(hostile)
    assert not browser.tags & {"script", "img", "iframe", "link", "form", "object", "base"}
    assert browser.attributes == {
        "lang", "charset", "http-equiv", "content", "name", "id", "class", "href", "colspan",
    }  # fmt: skip
    assert browser.links == {"#case-1"}
    assert hostile.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 10


def test_nothing_hides_and_nothing_acts(hostile: str) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", hostile)
    assert r"\u202e\x1b[2J\x00&amp;amp;" in hostile


def test_the_page_may_load_and_run_nothing_but_its_own_style(hostile: str) -> None:
    policy = Browser(hostile).policy
    style = hostile.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


def test_it_follows_the_readers_system_from_light_to_dark(tmp_path: Path) -> None:
    assert "color-scheme: light dark" in page_of(make_run(tmp_path, {"Go-1": ([5], [])}))
