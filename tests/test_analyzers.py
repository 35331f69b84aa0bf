"""The analyzers against planted bugs, hostile repositories, and programs that misbehave.

The real programs run where they are installed; the misbehaving ones are small shell scripts.
"""

import asyncio
import difflib
import gzip
import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvloop

from reviewbot.analyzers.analyze import MAX_TEXT, Analysis, analyze
from reviewbot.analyzers.analyzer import LIMITS, Alarm, Analyzer, Bench, Limits
from reviewbot.analyzers.detect_secrets import DetectSecrets
from reviewbot.analyzers.finding import NotInDiffError, to_finding
from reviewbot.analyzers.hadolint import Hadolint
from reviewbot.analyzers.patterns import Patterns
from reviewbot.analyzers.process import find_program
from reviewbot.analyzers.ruff import Ruff
from reviewbot.analyzers.shellcheck import Shellcheck
from reviewbot.analyzers.yamllint import Yamllint
from reviewbot.analyzers.zizmor import Zizmor
from reviewbot.diff.parse import FileDiff, parse_diff

BENCH = Path(__file__).parents[2] / "shared" / "data" / "review-bench"
OWN_PROGRAMS = str(Path(sys.executable).parent)
ALL: tuple[Analyzer, ...] = (
    Ruff(), Shellcheck(), Zizmor(), Hadolint(), Yamllint(), DetectSecrets(), Patterns(),
)  # fmt: skip
BY_NAME = {analyzer.name: analyzer for analyzer in ALL}
WORKFLOW = """\
on: pull_request_target
permissions: {}
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.pull_request.title }}
"""
KEY = "AKIA" + "IOSFODNN7EXAMPLA"  # no key of anyone


@dataclass(frozen=True)
class Planted:
    """A file with one problem: who finds it, by which rule and on which line."""

    analyzer: str
    path: str
    text: str
    line: int
    rule: str


PLANTED = [
    Planted("ruff", "a.py", "def f(x=[]):\n    return x\n", 1, "B006"),
    Planted("ruff", "b.py", "def f(l):\n    for a in l:\n        l.remove(a)\n", 3, "B909"),
    Planted("ruff", "c.py", "def f(:\n    pass\n", 1, "invalid-syntax"),
    Planted("shellcheck", "a.sh", '#!/bin/sh\nrm -rf "$1/"*\necho\n', 2, "SC2115"),
    Planted("zizmor", ".github/workflows/a.yml", WORKFLOW, 7, "template-injection"),
    Planted("hadolint", "Dockerfile", 'FROM a:1\nCMD ["a"]\nCMD ["b"]\n', 3, "DL4003"),
    Planted("yamllint", "a.yml", "a: 1\nb: 2\na: 3\n", 3, "key-duplicates"),
    Planted("detect-secrets", "a.txt", f"x = 1\nkey = '{KEY}'\n", 2, "AWS Access Key"),
    Planted("patterns", "a.js", "f();\nif (x == NaN) { g(); }\n", 2, "compare-with-nan"),
]


def name_of(planted: Planted) -> str:
    return f"{planted.analyzer}-{planted.rule}"


def change(path: str, head: str, *added: int) -> FileDiff:
    """Make the diff of a file in which these lines are new; without any, all of them."""
    lines = head.splitlines(keepends=True)
    new = added or range(1, len(lines) + 1)
    base = [line for number, line in enumerate(lines, 1) if number not in new]
    diff = "".join(difflib.unified_diff(base, lines, "a/file", "b/file"))
    [file] = parse_diff(diff.encode())
    return replace(file, path=path)


def run(
    files: Sequence[FileDiff],
    texts: dict[str, str],
    analyzers: Sequence[Analyzer] = ALL,
    limits: Limits = LIMITS,
) -> Analysis:
    return asyncio.run(analyze(files, texts.get, analyzers, limits))


def rules(analysis: Analysis) -> list[tuple[str, str, int]]:
    return [(alarm.analyzer, alarm.rule, alarm.line) for alarm in analysis.alarms]


# --- what they find ---


@pytest.mark.parametrize("planted", PLANTED, ids=name_of)
def test_a_problem_on_an_added_line_is_found_and_may_stand_alone(planted: Planted) -> None:
    file = change(planted.path, planted.text, planted.line)
    analysis = run([file], {planted.path: planted.text}, [BY_NAME[planted.analyzer]])
    assert analysis.problems == analysis.unused == ()
    assert (planted.analyzer, planted.rule, planted.line) in rules(analysis)
    assert {alarm.line for alarm in analysis.alarms} == {planted.line}
    [found] = {alarm.rule: alarm for alarm in analysis.alarms if alarm.alone}.values()
    assert (found.rule, found.path) == (planted.rule, planted.path)
    assert found.end_line >= found.line
    assert found.message


@pytest.mark.parametrize("planted", PLANTED, ids=name_of)
def test_a_problem_on_an_unchanged_line_is_left_alone(planted: Planted) -> None:
    text = planted.text + "#\n"
    file = change(planted.path, text, text.count("\n"))
    analysis = run([file], {planted.path: text}, [BY_NAME[planted.analyzer]])
    assert analysis.problems == ()
    assert planted.rule not in {alarm.rule for alarm in analysis.alarms}


def test_what_is_only_evidence_is_not_to_stand_alone() -> None:
    text = "import os\n"
    [alarm] = run([change("a.py", text)], {"a.py": text}, [Ruff()]).alarms
    assert (alarm.rule, alarm.alone) == ("F401", False)
    assert alarm.link == "https://docs.astral.sh/ruff/rules/unused-import"


def test_all_analyzers_together_give_their_alarms_in_the_order_of_the_files() -> None:
    texts = {planted.path: planted.text for planted in PLANTED}
    analysis = run([change(*item) for item in texts.items()], texts)
    expected = {(each.analyzer, each.rule, each.line) for each in PLANTED}
    assert analysis.problems == ()
    assert expected <= set(rules(analysis))
    assert [alarm.path for alarm in analysis.alarms] == sorted(a.path for a in analysis.alarms)


def test_a_file_with_many_syntax_errors_gives_one() -> None:
    text = "def f(:\n" * 20
    analysis = run([change("a.py", text)], {"a.py": text}, [Ruff()])
    assert [alarm.rule for alarm in analysis.alarms] == ["invalid-syntax"]


def test_what_a_newer_python_allows_is_no_syntax_error() -> None:
    text = "type A = int\n"
    assert run([change("a.py", text)], {"a.py": text}, [Ruff()]).alarms == ()


def test_a_secret_is_in_no_field_of_its_alarm() -> None:
    text = f'password = "{KEY}"\n'
    alarms = run([change("a.txt", text)], {"a.txt": text}, [DetectSecrets()]).alarms
    assert alarms
    assert KEY not in repr(alarms)


def test_workflows_alone_that_do_not_parse_are_no_problem_of_zizmor() -> None:
    path = ".github/workflows/a.yml"
    assert run([change(path, "a: [\n")], {path: "a: [\n"}, [Zizmor()]) == Analysis()


def test_a_template_that_is_no_yaml_is_no_problem_of_yamllint() -> None:
    text = "a: {{ x }}\n{% if %}\n"
    assert run([change("a.yaml", text)], {"a.yaml": text}, [Yamllint()]) == Analysis()


def test_lines_are_counted_as_the_diff_counts_them() -> None:
    texts = {"a.yml": "# \u2028 \x85\na: 1\na: 2\n", "b.py": "a = 1\rb = 2\nimport os\n"}
    files = [change("a.yml", "#\na: 1\na: 2\n"), change("b.py", "a = 1\nimport os\n")]
    analysis = run(files, texts, [Yamllint(), Ruff()])
    assert rules(analysis) == [("yamllint", "key-duplicates", 3)]
    assert analysis.problems == ("analyzers on b.py: a carriage return within a line",)


# --- hostile repositories ---


MUTED = [
    Planted("ruff", "a.py", "# ruff: noqa\ndef f(x=[]):  # noqa: B006\n    return x\n", 2, "B006"),
    Planted("ruff", "b.py", "# flake8: noqa\ndef f(x=[]):  # noqa\n    return x\n", 2, "B006"),
    Planted("ruff", "c.py", "# ruff: disable[B006]\ndef f(x=[]):\n    return x\n", 2, "B006"),
    Planted(
        "shellcheck", "a.sh",
        '#!/bin/sh\n# shellcheck disable=all\n\n#shellcheck disable=SC2115\nrm -rf "$1/"*\n',
        5, "SC2115",
    ),
    Planted(
        "zizmor", ".github/workflows/a.yml",
        WORKFLOW.replace("}}\n", "}}  # zizmor: ignore[template-injection]\n"),
        7, "template-injection",
    ),
    Planted(
        "hadolint", "Dockerfile",
        '# hadolint global ignore=DL4003\nFROM a:1\nCMD a\n# hadolint ignore=DL4003\nCMD b\n',
        5, "DL4003",
    ),
    Planted("hadolint", "a.dockerfile",
        'FROM a:1\n# shellcheck disable=all\nRUN rm -rf "$X/"*\n', 3, "SC2115"),
    Planted(
        "yamllint", "a.yml", "# yamllint disable-file\na: 1\n# yamllint disable\na: 3\n",
        4, "key-duplicates",
    ),
    Planted(
        "yamllint", "b.yml", "a: 1\n# yamllint disable-line rule:key-duplicates\na: 3\n",
        3, "key-duplicates",
    ),
    Planted(
        "detect-secrets", "a.py",
        f"# pragma: allowlist nextline secret\nkey = '{KEY}'  # pragma: allowlist secret\n",
        2, "AWS Access Key",
    ),
    Planted(
        "detect-secrets", "b.go",
        f"package b\nvar key = \"{KEY}\" // pragma: whitelist secret\n", 2, "AWS Access Key",
    ),
]  # fmt: skip


@pytest.mark.parametrize("planted", MUTED, ids=name_of)
def test_a_comment_in_the_code_hides_nothing(planted: Planted) -> None:
    analysis = run([change(planted.path, planted.text)], {planted.path: planted.text})
    assert analysis.problems == ()
    assert (planted.analyzer, planted.rule, planted.line) in rules(analysis)


def test_a_comment_that_names_the_shell_still_counts() -> None:
    text = "# shellcheck shell=sh disable=all\n[[ a ]]\n"
    analysis = run([change("a.sh", text)], {"a.sh": text}, [Shellcheck()])
    assert "SC3010" in {alarm.rule for alarm in analysis.alarms}


HOSTILE = {
    ".ruff.toml": 'exclude = ["*"]\n[lint]\nselect = []\n',
    "pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n',
    "setup.cfg": "[flake8]\nexclude = *\n",
    ".shellcheckrc": "disable=all\n",
    ".hadolint.yaml": "ignored: [DL4003]\n",
    ".yamllint": "rules: {}\nignore: ['*']\n",
    ".yamllint.yml": "rules: {}\nignore: ['*']\n",
    ".secrets.baseline": '{"version": "1.5.0", "plugins_used": [], "results": {}}\n',
    ".github/zizmor.yml": "rules:\n  template-injection:\n    disable: true\n",
    "zizmor.yml": "rules:\n  template-injection:\n    disable: true\n",
    ".gitignore": "*\n",
    "sitecustomize.py": "raise SystemExit('hostile')\n",
    "yaml.py": "raise SystemExit('hostile')\n",
    "json.py": "raise SystemExit('hostile')\n",
}


def test_a_hostile_configuration_hides_nothing_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in HOSTILE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SHELLCHECK_OPTS", "--exclude=SC2115")
    monkeypatch.setenv("HADOLINT_IGNORE", "DL4003")
    monkeypatch.setenv("RUFF_CONFIG", str(tmp_path / ".ruff.toml"))
    texts = HOSTILE | {planted.path: planted.text for planted in PLANTED}
    analysis = run([change(*item) for item in texts.items()], texts)
    assert analysis.problems == analysis.unused == ()
    assert {(each.analyzer, each.rule, each.line) for each in PLANTED} <= set(rules(analysis))


def test_a_program_in_the_repository_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path, "ruff", f"touch {tmp_path}/was-run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}{os.environ['PATH']}")
    assert Path(find_program("ruff", None)).is_absolute()
    analysis = run([change("a.py", "import os\n")], {"a.py": "import os\n"}, [Ruff()])
    assert rules(analysis) == [("ruff", "F401", 1)]
    assert not (tmp_path / "was-run").exists()


@dataclass(frozen=True)
class Witness:
    """An analyzer that wants everything and keeps what lies on its bench."""

    name: str = "witness"
    seen: dict[str, str] = field(default_factory=dict)
    room: list[Path] = field(default_factory=list)

    def wants(self, path: str) -> bool:
        return not path.endswith(".unwanted")

    def unmute(self, text: str) -> str:
        return text

    async def run(self, bench: Bench) -> Sequence[Alarm]:
        self.room.append(bench.folder)
        names = await asyncio.to_thread(lambda: [p for p in bench.folder.rglob("*") if p.is_file()])
        for file in names:
            self.seen[str(file.relative_to(bench.folder))] = file.read_bytes().decode()
        return []


@pytest.mark.parametrize(
    "path",
    [
        "../../x.py", "/tmp/x.py", "a/../x.py", "./x.py", "a//x.py", "a\nb.py", "a\0b.py", "", "..",
        "a\\..\\x.py", ".git/config", "sub/.GIT/hooks/x", "\ud800.py", "a" * 300, "a/" * 600 + "b",
    ],
)  # fmt: skip
def test_an_unsafe_path_is_not_written_and_said(path: str) -> None:
    witness = Witness()
    files = [replace(change("a.py", "x\n"), path=path), change("good.py", "y\n")]
    analysis = run(files, {path: "x\n", "good.py": "y\n"}, [witness])
    assert witness.seen == {"good.py": "y\n"}
    assert analysis.problems == (f"analyzers on {path[:80]!a}: unsafe path",)


def test_nothing_but_what_is_wanted_lies_on_the_bench_and_it_is_gone_afterwards() -> None:
    witness = Witness()
    texts = {"a/b.py": "x\r\ny\n", "c.unwanted": "z\n", "d.py": "d\n", "gone.py": "g\n"}
    files = [change(*item) for item in texts.items()]
    files[2] = replace(files[2], symlink=True)
    analysis = run(files, {**texts, "gone.py": "x" * (MAX_TEXT + 1)}, [witness])
    assert witness.seen == {"a/b.py": "x\r\ny\n"}
    assert analysis.problems == ("analyzers on gone.py: above 1,000,000 characters",)
    assert not witness.room[0].exists()


def test_paths_that_look_like_options_are_paths() -> None:
    path, text = "--config=x.py", "def f(x=[]):\n    return x\n"
    analysis = run([change(path, text)], {path: text}, [Ruff(), DetectSecrets()])
    assert analysis.problems == ()
    assert rules(analysis) == [("ruff", "B006", 1)]


def test_paths_that_cannot_both_be_files_are_a_problem_and_no_error() -> None:
    texts = {"a": "x\n", "a/b.py": "y\n"}
    analysis = run([change(*item) for item in texts.items()], texts, [Witness()])
    [problem] = analysis.problems
    assert problem.startswith("witness: could not be run (")


# --- programs that misbehave ---


def write_program(folder: Path, name: str, script: str) -> str:
    """Make a program of a shell script; give where to look for it first, then the real ones."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return os.pathsep.join((str(folder), OWN_PROGRAMS))


MISBEHAVING = {
    "crashes": ("echo no >&2; echo worse >&2; exit 101", "failed (exit code 101: worse)"),
    "is killed": ("kill -SEGV $$", "failed (signal 11)"),
    "hangs": ("sleep 600 & wait", "did not end within 1.5 s"),
    "leaves one behind": ("sleep 600 & exit 0", "did not end within 1.5 s"),
    "is silent": ("exit 0", "gave no readable answer"),
    "prints garbage": ("echo '}{ \\377'", "gave no readable answer"),
    "prints other JSON": ("echo '{\"results\": 3}'", "gave no readable answer"),
    "prints deep JSON": ("yes '[' | head -n 900000", "gave no readable answer"),
    "prints much": (
        "head -c 100000000 /dev/zero",
        "printed more than 16,000,000 bytes",
    ),
    "complains much": (
        "head -c 100000000 /dev/zero >&2; exit 2",
        f"failed (exit code 2: {'?' * 200})",
    ),
    "is no program": ("", "gave no readable answer"),
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_one_that_misbehaves_is_a_problem_and_the_others_go_on(name: str, tmp_path: Path) -> None:
    script, problem = MISBEHAVING[name]
    planted = PLANTED[3]
    search = write_program(tmp_path / "bin", "ruff", script)
    limits = Limits(seconds=1.5 if "1.5 s" in problem else 20, search=search)
    texts = {"a.py": "import os\n", planted.path: planted.text}
    analysis = run([change(*item) for item in texts.items()], texts, [Ruff(), Shellcheck()], limits)
    assert analysis.problems == (f"ruff: {problem}",)
    assert rules(analysis) == [("shellcheck", "SC2115", 2)]


@pytest.mark.parametrize("name", ["shellcheck", "zizmor", "hadolint", "yamllint", "detect-secrets"])
def test_garbage_of_any_of_them_is_a_problem(name: str, tmp_path: Path) -> None:
    search = write_program(tmp_path / "bin", name, "echo garbage")
    [planted, *_] = [planted for planted in PLANTED if planted.analyzer == name]
    file = change(planted.path, planted.text)
    analysis = run([file], {planted.path: planted.text}, [BY_NAME[name]], Limits(search=search))
    assert analysis == Analysis(problems=(f"{name}: gave no readable answer",))


@pytest.mark.parametrize("name", ["zizmor", "yamllint"])
def test_an_ending_that_is_none_of_theirs_is_not_taken_for_a_clean_file(
    name: str, tmp_path: Path
) -> None:
    search = write_program(tmp_path / "bin", name, "exit 2")
    [planted] = [planted for planted in PLANTED if planted.analyzer == name]
    file = change(planted.path, planted.text)
    analysis = run([file], {planted.path: planted.text}, [BY_NAME[name]], Limits(search=search))
    assert analysis.problems == (f"{name}: failed (exit code 2)",)


def test_a_file_that_cannot_be_executed_is_a_problem(tmp_path: Path) -> None:
    search = write_program(tmp_path / "bin", "ruff", "")
    (tmp_path / "bin" / "ruff").write_bytes(b"\x7fELF")
    analysis = run([change("a.py", "x\n")], {"a.py": "x\n"}, [Ruff()], Limits(search=search))
    assert analysis.problems == ("ruff: could not be run (Exec format error)",)


def test_alarms_for_other_files_or_other_lines_are_dropped(tmp_path: Path) -> None:
    told = [
        {
            "code": "B006", "filename": name, "message": "one\n\x1b[31mtwo " + "x" * 600,
            "location": {"row": row}, "end_location": {"row": end},
        }
        for name, row, end in [
            ("/etc/passwd", 1, 1), ("../a.py", 1, 1), ("a.py", -1, 1), ("a.py", 99, 99),
            ("a.py", 1, 0),
        ]
    ]  # fmt: skip
    (tmp_path / "told").write_text(json.dumps(told))
    search = write_program(tmp_path / "bin", "ruff", f"cat {tmp_path}/told")
    analysis = run([change("a.py", "x\n")], {"a.py": "x\n"}, [Ruff()], Limits(search=search))
    [alarm] = analysis.alarms
    assert (alarm.path, alarm.line, alarm.end_line) == ("a.py", 1, 1)
    assert alarm.message.startswith("one ?[31mtwo xxx")
    assert len(alarm.message) == 500


@pytest.mark.parametrize("name", ["hangs", "prints much", "crashes"])
def test_it_is_the_same_on_the_loop_of_the_service(name: str, tmp_path: Path) -> None:
    script, problem = MISBEHAVING[name]
    search = write_program(tmp_path / "bin", "ruff", script)
    limits = Limits(seconds=1.5 if "1.5 s" in problem else 20, search=search)
    texts = {"a.py": "import os\n", PLANTED[3].path: PLANTED[3].text}
    files = [change(*item) for item in texts.items()]
    analysis = uvloop.run(analyze(files, texts.get, [Ruff(), Shellcheck()], limits))
    assert analysis.problems == (f"ruff: {problem}",)
    assert rules(analysis) == [("shellcheck", "SC2115", 2)]


def test_one_that_is_not_installed_is_silent(tmp_path: Path) -> None:
    texts = {planted.path: planted.text for planted in PLANTED}
    files = [change(*item) for item in texts.items()]
    analysis = run(files, texts, ALL[:-1], Limits(search=str(tmp_path)))
    unused = ("ruff", "shellcheck", "zizmor", "hadolint", "yamllint", "detect-secrets")
    assert analysis == Analysis(unused=unused)


def test_one_with_nothing_to_look_at_is_not_started(tmp_path: Path) -> None:
    search = write_program(tmp_path / "bin", "shellcheck", f"touch {tmp_path}/was-run")
    assert run([change("a.py", "x\n")], {"a.py": "x\n"}, [Shellcheck()], Limits(search=search)) == (
        Analysis()
    )
    assert not (tmp_path / "was-run").exists()


def test_a_program_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWBOT_API_KEY", "secret")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("https_proxy", "http://proxy")
    search = write_program(tmp_path / "bin", "ruff", f"env > {tmp_path}/env; pwd >> {tmp_path}/env")
    run([change("a.py", "x\n")], {"a.py": "x\n"}, [Ruff()], Limits(search=search))
    seen = (tmp_path / "env").read_text()
    assert "PATH=" in seen
    assert "secret" not in seen
    assert "proxy" not in seen
    assert f"HOME={Path.home()}\n" not in seen
    assert str(Path.cwd()) not in seen.splitlines()


def test_cancelling_ends_a_program_and_its_children_and_leaves_no_zombie(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = f"exec 3>{pipe}; echo $$ >&3; sleep 600 & sleep 600"
    search = write_program(tmp_path / "bin", "ruff", script)

    async def cancel() -> str:
        limits = Limits(search=search)
        task = asyncio.create_task(
            analyze([change("a.py", "x\n")], {"a.py": "x\n"}.get, [Ruff()], limits)
        )
        with await asyncio.to_thread(pipe.open) as written:  # opens when the program runs
            pid = await asyncio.to_thread(written.readline)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # the pipe's end comes when nobody holds it any more: neither parent nor child
            assert await asyncio.wait_for(asyncio.to_thread(written.read), 5) == ""
        return pid

    pid = int(asyncio.run(cancel()))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)  # a zombie would still be there


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_one_that_takes_too_much_memory_ends(tmp_path: Path) -> None:
    hungry = f"exec {sys.executable} -c \"x = bytearray(600_000_000); print('[]')\""
    search = write_program(tmp_path / "bin", "ruff", f"sleep 0.3; {hungry}")
    files, texts = [change("a.py", "x\n")], {"a.py": "x\n"}
    fits = run(files, texts, [Ruff()], Limits(search=search))
    starved = run(files, texts, [Ruff()], Limits(search=search, memory=300_000_000))
    assert fits == Analysis()
    assert starved.problems == ("ruff: failed (exit code 1: MemoryError)",)


# --- an alarm becomes a finding ---


TEXT = "".join(f"line {number}\n" for number in range(1, 31))
ALARM = Alarm("ruff", "B006", "a.py", 10, 11, "Do not.", "https://example.org/B006", alone=True)


def test_an_alarm_becomes_a_finding_on_its_lines() -> None:
    finding = to_finding(ALARM, change("a.py", TEXT, 10, 11, 20))
    assert (finding.path, finding.side, finding.start_line, finding.line) == (
        "a.py", "RIGHT", 10, 11,
    )  # fmt: skip
    assert finding.title == "Do not (ruff: B006)"
    assert (finding.body, finding.link) == ("Do not.", "https://example.org/B006")
    assert finding.told == "Do not.\nhttps://example.org/B006"
    assert (finding.severity, finding.category) == ("major", "correctness")
    assert (finding.source, finding.suggestion) == ("ruff", None)
    assert (finding.right_line, finding.order) == (11, 3)
    assert [line.new for line in finding.excerpt] == [8, 9, 10, 11, 12, 13]
    assert [line.new for line in finding.excerpt if finding.anchors(line)] == [10, 11]


@pytest.mark.parametrize("end", [9, 20, 29])
def test_an_end_outside_the_hunk_or_far_away_leaves_the_first_line(end: int) -> None:
    finding = to_finding(replace(ALARM, end_line=end), change("a.py", TEXT, 10, 20))
    assert (finding.start_line, finding.line) == (10, 10)


def test_an_alarm_on_a_line_that_the_diff_does_not_show_is_refused() -> None:
    with pytest.raises(NotInDiffError, match=r"a\.py: the diff does not show line 10"):
        to_finding(ALARM, change("a.py", TEXT, 25))


def test_a_long_message_is_cut_before_the_rule() -> None:
    finding = to_finding(replace(ALARM, message="x" * 400), change("a.py", TEXT, 10))
    assert len(finding.title) == 160
    assert finding.title.endswith("x… (ruff: B006)")


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "http://a.example", "https://a.example> @all", "https://a b", ""],
)
def test_what_is_no_plain_address_is_no_link(link: str) -> None:
    finding = to_finding(replace(ALARM, link=link), change("a.py", TEXT, 10))
    assert (finding.link, finding.told) == ("", "Do not.")


def test_each_planted_problem_has_the_severity_of_its_kind() -> None:
    found = {}
    for planted in PLANTED:
        alarm = Alarm(planted.analyzer, planted.rule, planted.path, planted.line, 0, "m", "")
        finding = to_finding(alarm, change(planted.path, planted.text, planted.line))
        found[planted.rule] = (finding.severity, finding.category)
    assert found == {
        "B006": ("major", "correctness"),
        "B909": ("major", "correctness"),
        "invalid-syntax": ("critical", "correctness"),
        "SC2115": ("critical", "correctness"),
        "template-injection": ("critical", "security"),
        "DL4003": ("minor", "maintainability"),
        "key-duplicates": ("major", "correctness"),
        "AWS Access Key": ("critical", "security"),
        "compare-with-nan": ("major", "correctness"),
    }


# --- real pull requests ---


@pytest.mark.skipif(not BENCH.exists(), reason=f"the pull requests are not here: {BENCH}")
def test_on_34_real_pull_requests_the_pinned_rules_say_two_things() -> None:
    heads: dict[str, dict[str, str]] = defaultdict(dict)
    with gzip.open(BENCH / "changed-files.jsonl.gz") as lines:
        for row in map(json.loads, lines):
            heads[row["id"]][row["path"]] = row.get("head") or ""
    alone: list[tuple[str, str, int]] = []
    problems: list[str] = []
    pulls = [json.loads(line) for line in (BENCH / "prs.jsonl").read_text().splitlines()]
    for pull in pulls:
        files = list(parse_diff((BENCH / pull["diff"]).read_bytes()))
        analysis = run(files, heads[pull["id"]], [Ruff()])
        alone += [(alarm.rule, alarm.path, alarm.line) for alarm in analysis.alarms if alarm.alone]
        problems += analysis.problems
    assert len(pulls) == 34
    assert problems == []
    assert alone == [("B023", "graphrag/utils.py", 442)] * 2


def test_the_real_programs_are_here() -> None:
    programs = ["ruff", "shellcheck", "zizmor", "hadolint", "yamllint", "detect-secrets"]
    assert [name for name in programs if not shutil.which(name, path=OWN_PROGRAMS)] == []
