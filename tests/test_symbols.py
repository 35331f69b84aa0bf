"""What lines of each language call, extend and import."""

import pytest

from reviewbot.context.definitions import Definition
from reviewbot.context.sources import Source, read_source
from reviewbot.context.symbols import (
    bases_of,
    imports_in_play,
    removed,
    signature_changed,
    words_of,
)


def source(path: str, text: str) -> Source:
    read = read_source(path, text)
    assert read is not None
    return read


def used(path: str, text: str, role: str = "call") -> set[str]:
    return {use.name for use in source(path, text).uses if use.role == role}


def named(read: Source, name: str) -> Definition:
    [found] = [one for one in read.outline if one.name == name]
    return found


CALLS = [
    ("a.py", "@cached\ndef f():\n    g(1)\n    a.b.h()\n    Store(x)\n", "cached g h Store"),
    ("a.ts", "g(1); a?.b.h<T>(2); new Store(); this.k!();", "g h Store k"),
    ("a.tsx", "const x = <div><Row a={g()} /><Table>b</Table></div>;", "Row g Table"),
    ("a.js", "a.b(c => g(c)); new Store;", "b g Store"),
    ("a.go", "package a\nfunc f() { g(); a.h(); Map[int](x); go k() }", "g h Map k"),
    ("A.java", "class A { void f() { g(); a.h(1); new Store<>(2); } }", "g h Store"),
    ("a.rs", "fn f() { g(); a.h(); B::k::<T>(); m!(1); Store { a: 1 }; }", "g h k m Store"),
    ("a.c", "int f(void) { g(1); a->h(2); return k(); }", "g h k"),
    ("a.cc", "int f() { g(); a.h(); b::k<int>(); new Store(1); }", "g h k Store"),
    ("a.cs", "class A { void F() { G(); a.H<int>(1); new Store(2); } }", "G H Store"),
    ("a.rb", "def f\n  g(1)\n  a.h?\n  Store.new\nend\n", "g h? new"),
    ("a.php", "<?php function f() { g(); $a->h(); A::k(); new Store(); }", "g h k Store"),
    ("a.kt", "fun f() { g(1); a.h(); Store(2) }", "g h Store"),
    ("a.swift", "func f() { g(1); a.h(b: 2); Store() }", "g h Store"),
]


@pytest.mark.parametrize(("path", "text", "names"), CALLS, ids=[row[0] for row in CALLS])
def test_calls_are_found_by_their_last_name(path: str, text: str, names: str) -> None:
    assert used(path, text) == set(names.split())


BASES = [
    ("a.ts", "class A extends B implements C, D {}", "B C D"),
    ("A.java", "class A extends B implements C { }", "B C"),
    ("a.cc", "class A : public B {};", "B"),
    ("a.cs", "class A : B, C { }", "B C"),
    ("a.rb", "class A < B\nend\n", "B"),
    ("a.php", "<?php class A extends B implements C {}", "B C"),
    ("a.kt", "class A : B(), C { }", "B C"),
    ("a.swift", "class A: B, C { }", "B C"),
    ("a.py", "class A(B, c.D): pass\n", "B c D"),
    ("a.rs", "impl B for A { }", "B"),
]


@pytest.mark.parametrize(("path", "text", "names"), BASES, ids=[row[0] for row in BASES])
def test_the_bases_of_a_class_are_found(path: str, text: str, names: str) -> None:
    read = source(path, text)
    assert bases_of(named(read, "A"), read.uses) >= set(names.split())


IMPORTS = [
    (
        "a.py",
        "import os.path\nimport re as regex\nfrom a.b import c, d as e\n",
        "os path regex c e",
    ),
    ("a.ts", 'import x, { A as B } from "./z";\nimport * as N from "n";', "x B N"),
    ("a.js", 'const { a, b } = require("./c");\nconst d = require("e");', "a b d"),
    ("a.go", 'package a\nimport (\n\t"fmt"\n\tx "a/b"\n\t"c/d/v2"\n)\n', "fmt x d"),
    ("A.java", "import a.b.C;\nimport static a.D.e;\n", "C e"),
    ("a.rs", "use a::b::{C, D as E};\nuse f::g;\n", "C E g"),
    ("a.cs", "using X = A.B;\n", "X B"),
    ("a.php", "<?php\nuse Shop\\Base;\nuse Shop\\Cart as C;\n", "Base C"),
    ("a.kt", "import a.b.C\n", "C"),
    ("a.swift", "import Foundation\n", "Foundation"),
]


@pytest.mark.parametrize(("path", "text", "names"), IMPORTS, ids=[row[0] for row in IMPORTS])
def test_imports_bring_names(path: str, text: str, names: str) -> None:
    brought = [one.names for one in source(path, text).imports]
    assert frozenset().union(*brought) >= set(names.split())
    assert not frozenset().union(*brought) & {"import", "from", "as", "use", "using", "v2"}


def test_only_imports_that_a_change_uses_are_in_play() -> None:
    read = source("a.py", "import os\nimport re\nfrom a import b, c\n")
    found = imports_in_play(read.imports, words_of(["    return c(re.escape(x))"]))
    assert [one.text for one in found] == ["import re", "from a import b, c"]


def test_a_call_knows_who_is_asked() -> None:
    owners = {use.name: use.owner for use in source("a.py", "self.f()\nStore.g(h())\n").uses}
    assert owners == {"f": "self", "g": "Store", "h": ""}
    assert source("A.java", "class A { int x = b.c(); }").uses[-1].owner == "b"


BASE = "class A:\n    def f(self, a): ...\n    def g(self): ...\n"


@pytest.mark.parametrize(
    ("head", "changed"),
    [
        ("class A:\n    def f(self, a, b): ...\n", True),
        ("class A:\n    def f(\n        self,\n        a,\n    ): ...\n", False),
        ("class A:\n    @property\n    def f(self, a): ...\n", True),
        ("class A:\n    def f(self, a): return 1\n", False),
        ("class B:\n    def f(self): ...\n", False),
    ],
)
def test_a_signature_is_changed_by_more_than_white_space(head: str, *, changed: bool) -> None:
    definition = named(source("a.py", head), "f")
    assert signature_changed(definition, source("a.py", BASE).outline) is changed


def test_a_definition_whose_name_is_gone_is_removed() -> None:
    head = source("a.py", "class A:\n    def f(self, a): ...\n")
    assert [one.title for one in removed(source("a.py", BASE).outline, head.outline)] == ["A.g"]
