"""Labelled sources of every language, and what is wrong in many files, against the outlines."""

from pathlib import Path

import pytest

from reviewbot.context.definitions import Definition, Outline, enclosing, outline_of
from reviewbot.context.kinds import ANONYMOUS, GRAMMARS
from reviewbot.context.syntax import LANGUAGES, find_nodes, language_of, parse_source

FOLDER = Path(__file__).parent / "labelled_definitions"
FILES = sorted(FOLDER.glob("*.labelled"))


def outline(path: str, text: str) -> Outline:
    language = language_of(path)
    assert language is not None
    root = parse_source(text, language)
    assert root is not None
    grammar = GRAMMARS[language]
    return outline_of(find_nodes(root, grammar.kinds()), text, grammar)


def labelled(file: Path) -> tuple[list[str], str]:
    rows = [line.partition("|") for line in file.read_text().splitlines()]
    return [row[0].strip() for row in rows], "\n".join(row[2] for row in rows) + "\n"


def title(definition: Definition | None) -> str:
    return definition.title.removeprefix(f"{ANONYMOUS}.") if definition else "-"


def only(path: str, text: str) -> Definition:
    [found] = outline(path, text)
    return found


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_labelled_line_gets_its_definition(file: Path) -> None:
    labels, text = labelled(file)
    found = outline(file.stem, text)
    given = [title(enclosing(found, line)) for line in range(1, len(labels) + 1)]
    wrong = [
        f"{file.stem}:{line}: {got}, not {label}"
        for line, (label, got) in enumerate(zip(labels, given, strict=True), 1)
        if label not in ("", got)
    ]
    assert wrong == []
    assert len([label for label in labels if label]) >= 25
    assert "-" in labels


def test_every_language_has_a_labelled_file() -> None:
    assert {language_of(file.stem) for file in FILES} == set(LANGUAGES.values()) == set(GRAMMARS)
    assert {Path(file.stem).suffix for file in FILES} >= {".h", ".tsx"}
    assert len(FILES) == 15


@pytest.mark.parametrize("language", GRAMMARS)
def test_the_grammar_knows_each_kind_of_the_table(language: str) -> None:
    root = parse_source("x", language)
    assert root is not None
    for kind in GRAMMARS[language].kinds():
        assert isinstance(root.find_all(kind=kind), list)  # else RuntimeError


@pytest.mark.parametrize(
    ("path", "text", "signature"),
    [
        ("a.py", "@cached\ndef f(a: int,\n      b=1) -> str:\n    return a\n",
         "@cached\ndef f(a: int,\n      b=1) -> str:"),
        ("a.py", f"@cached({'1, ' * 300})\ndef f(a):\n    return a\n", "def f(a):"),
        ("a.ts", "export const f = async (a: number): Promise<void> => {\n  g();\n};",
         "export const f = async (a: number): Promise<void> =>"),
        ("a.go", "package a\n\nfunc (s *Store) Get(k string) error {\n\treturn nil\n}\n",
         "func (s *Store) Get(k string) error"),
        ("a.go", "package a\n\ntype Store struct {\n\ta int\n}\n", "type Store struct"),
        ("a.rs", "#[inline]\npub fn f<T>(a: T) -> T\nwhere\n    T: Copy,\n{\n    a\n}\n",
         "pub fn f<T>(a: T) -> T\nwhere\n    T: Copy,"),
        ("a.c", "static int\nf(int a)\n{\n    return a;\n}\n", "static int\nf(int a)"),
        ("a.cs", "int F(int a) => a;", "int F(int a)"),
        ("a.kt", "fun f(a: Int): Int {\n    return a\n}\n", "fun f(a: Int): Int"),
        ("a.swift", "func f(a: Int) -> Int {\n    return a\n}\n", "func f(a: Int) -> Int"),
        ("a.rb", "def f(a, b: 1)\n  a\nend\n", "def f(a, b: 1)"),
        ("a.php", "<?php\nfunction f(int $a): int\n{\n    return $a;\n}\n",
         "function f(int $a): int"),
    ],
)  # fmt: skip
def test_a_signature_ends_where_the_body_begins(path: str, text: str, signature: str) -> None:
    assert only(path, text).signature == signature


@pytest.mark.parametrize(
    ("path", "text", "doc"),
    [
        ("a.py", 'def f():\n    """\n    Give it.\n\n    More.\n    """\n', "Give it."),
        ("a.py", "# Old way.\ndef f():\n    r'''Give it.'''\n", "Give it."),
        ("a.js", "/**\n * Give it.\n * @returns {x}\n */\nfunction f() {}", "Give it."),
        ("a.go", "package a\n\n//go:noinline\n// f gives it.\nfunc f() {}\n", "f gives it."),
        ("A.cs", "/// <summary>\n/// Give it.\n/// </summary>\nclass A {}", "Give it."),
        ("a.rs", "/// Give it.\n#[inline]\nfn f() {}\n", "Give it."),
        ("a.rb", "# -----\n# Give it.\ndef f; end\n", "Give it."),
        ("a.c", "/* Give it. */\nint f(void) {}\n", "Give it."),
        ("a.c", "/* Of something else. */\n\nint f(void) {}\n", ""),
        ("a.c", "int a; /* Of a. */\nint f(void) {}\n", ""),
    ],
)
def test_the_first_line_of_the_documentation_is_known(path: str, text: str, doc: str) -> None:
    assert only(path, text).doc == doc


def test_a_comment_that_is_indented_more_belongs_to_no_definition_below_it() -> None:
    found = outline("a.py", "def f():\n    pass\n    # end\ndef g():\n    pass\n")
    assert title(enclosing(found, 4)) == "g"
    assert title(enclosing(found, 3)) != "g"


def test_a_file_with_errors_has_an_outline_all_the_same() -> None:
    found = outline("a.py", "def f(:\n    pass\n\ndef g(a):\n    return a\n\nclass\n")
    assert title(enclosing(found, 5)) == "g"
