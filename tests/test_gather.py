"""Changes in small repositories, and what is gathered around them."""

import re
import time
from collections.abc import Mapping, Sequence
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.context.gather import Context, gather
from reviewbot.context.repository import DiffRepository, Place
from reviewbot.context.sources import Sources, read_source
from reviewbot.context.syntax import LANGUAGES
from reviewbot.diff.chunk import Chunk, split_file
from reviewbot.diff.parse import FileDiff, parse_diff
from reviewbot.diff.tokens import estimate_tokens


class Files:
    """A repository in memory, that counts what it is asked."""

    searched = True
    partial = False

    def __init__(self, head: Mapping[str, str], base: Mapping[str, str] | None = None) -> None:
        self._head = head
        self._base = base or {}
        self.read: list[str] = []
        self.asked: list[str] = []

    def head(self, path: str) -> str | None:
        self.read.append(path)
        return self._head.get(path)

    def base(self, path: str) -> str | None:
        return self._base.get(path)

    def find(self, names: Sequence[str]) -> Mapping[str, tuple[Place, ...]]:
        self.asked.extend(names)
        return {name: tuple(self._places(name)) for name in names}

    def _places(self, name: str) -> list[Place]:
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return [
            Place(path, number, line)
            for path, text in self._head.items()
            for number, line in enumerate(text.split("\n"), 1)
            if word.search(line)
        ]


def change(path: str, text: str, lines: Sequence[int], old: Sequence[str] = ()) -> Chunk:
    """Make the chunk that replaces `old` lines by lines of a text, without context."""
    rows = text.split("\n")
    header = f"@@ -{lines[0]},{len(old)} +{lines[0]},{len(lines)} @@\n"
    body = "".join(f"-{row}\n" for row in old) + "".join(f"+{rows[at - 1]}\n" for at in lines)
    diff = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{header}{body}"
    [file] = parse_diff(diff.encode("utf-8", "surrogatepass"))
    [chunk], _ = split_file(file, 100_000)
    return chunk


def around(files: Files, path: str, lines: Sequence[int], max_tokens: int = 2_000) -> Context:
    chunk = change(path, files._head[path], lines)
    return gather(chunk, Sources(files), max_tokens)


def titles(context: Context) -> list[str]:
    return [piece.title for piece in context.pieces]


SHOP = """import json
import os

from shop.money import round_up
from shop.base import Base


class Cart(Base):
    '''What a person buys.'''

    def total(self, tax):
        '''Give the price with tax.'''
        price = sum(self.rows)
        return round_up(price * tax)

    def save(self):
        return json.dumps(self.total(1))
"""
MONEY = """def round_up(amount):
    '''Round to the next cent.'''
    return -(-amount // 1)
"""
BASE = """class Base:
    def total(self, tax):
        raise NotImplementedError

    def other(self):
        pass
"""
CALLER = """from shop.cart import Cart


def print_cart(cart):
    print("a cart")
    print(cart.total(3))
"""


def shop() -> dict[str, str]:
    return {
        "shop/cart.py": SHOP, "shop/money.py": MONEY, "shop/base.py": BASE, "app/show.py": CALLER,
    }  # fmt: skip


def test_the_definition_around_a_change_comes_first_then_imports_then_what_is_called() -> None:
    context = around(Files(shop()), "shop/cart.py", [14])
    assert titles(context) == [
        "shop/cart.py:11 method `Cart.total` is around the change".replace("method", "function"),
        "shop/cart.py:4 imports in play",
        "shop/money.py:1 function `round_up` is used here",
    ]
    assert context.pieces[0].text == (
        "class Cart(Base):\n"
        "    '''What a person buys.'''\n"
        "    …\n"
        "    def total(self, tax):\n"
        "        '''Give the price with tax.'''\n"
        "        price = sum(self.rows)"
    )
    assert context.pieces[1].text == "from shop.money import round_up"
    assert context.pieces[2].text == MONEY.rstrip()
    assert context.searched
    assert not context.partial


def test_what_the_chunk_shows_is_not_repeated() -> None:
    context = around(Files(shop()), "shop/cart.py", range(1, 18))
    assert {piece.path for piece in context.pieces} == {"shop/base.py", "shop/money.py"}


def test_an_overridden_method_is_shown() -> None:
    context = around(Files(shop()), "shop/cart.py", [11])
    [piece] = [piece for piece in context.pieces if piece.why == "overridden"]
    assert piece.title == ("shop/base.py:2 function `Base.total` is overridden by `Cart.total`")
    assert piece.text == "    def total(self, tax):\n        raise NotImplementedError"


def test_callers_of_a_changed_signature_are_shown() -> None:
    old = SHOP.replace("def total(self, tax):", "def total(self):")
    files = Files(shop(), {"shop/cart.py": old})
    chunk = change("shop/cart.py", SHOP, [11], ["    def total(self):"])
    calls = [piece for piece in gather(chunk, Sources(files)).pieces if piece.why == "caller"]
    assert [(piece.path, piece.start_line) for piece in calls] == [
        ("shop/cart.py", 17),
        ("app/show.py", 6),
    ]
    words = "calls `Cart.total`, whose signature the change alters"
    assert calls[1].title == f"app/show.py:6 {words}"
    assert calls[1].text == "def print_cart(cart):\n    …\n    print(cart.total(3))"


def test_callers_of_an_unchanged_signature_are_not() -> None:
    files = Files(shop(), {"shop/cart.py": SHOP})
    chunk = change("shop/cart.py", SHOP, [13], ["        price = 0"])
    assert "caller" not in {piece.why for piece in gather(chunk, Sources(files)).pieces}


def test_callers_of_what_is_removed_are_shown() -> None:
    files = Files(
        {"a.py": "x = 1\n", "b.py": "def f():\n    gone(1)\n"}, {"a.py": "x = 1\n" + GONE}
    )
    diff = "--- a/a.py\n+++ b/a.py\n@@ -2,2 +1,0 @@\n-def gone(a):\n-    return a\n"
    [file] = parse_diff(diff.encode())
    [chunk], _ = split_file(file, 1_000)
    [piece] = gather(chunk, Sources(files)).pieces
    assert piece.title == "b.py:2 calls `gone`, which the change removes"


GONE = "def gone(a):\n    return a\n"


def test_a_name_with_many_definitions_says_nothing() -> None:
    head = {f"m{at}.py": "def run():\n    pass\n" for at in range(6)} | {"a.py": "run()\n"}
    assert around(Files(head), "a.py", [1]).pieces == ()
    del head["m5.py"]
    assert len(around(Files(head), "a.py", [1]).pieces) == 3


def test_the_owner_of_a_call_chooses_among_definitions() -> None:
    head = {f"m{at}.py": f"class C{at}:\n    def run(self): pass\n" for at in range(9)}
    head["a.py"] = "C7.run()\n"
    [piece] = around(Files(head), "a.py", [1]).pieces
    assert piece.title == "m7.py:2 function `C7.run` is used here"


def test_an_import_chooses_among_definitions() -> None:
    text = "def run():\n    pass\n"
    head = {"one.py": text, "two.py": text, "three/x.py": text}
    head["a.py"] = "from two import run\nrun()\n"
    [piece] = [one for one in around(Files(head), "a.py", [2]).pieces if one.why == "called"]
    assert piece.path == "two.py"
    head["a.py"] = "from elsewhere import run\nrun()\n"
    assert "called" not in {one.why for one in around(Files(head), "a.py", [2]).pieces}


def test_the_nearest_definition_comes_first() -> None:
    text = "def run():\n    pass\n"
    head = {"z/b.py": text, "a/b/c.py": text, "a/b/d.py": "run()\n" + text, "q/b.py": "run()\n"}
    head["a/x.py"] = text
    paths = [piece.path for piece in around(Files(head), "a/b/d.py", [1]).pieces]
    assert paths == ["a/b/d.py", "a/b/c.py", "a/x.py"]


def test_other_languages_define_nothing_for_this_one() -> None:
    head = {"a.py": "run()\n", "b.go": "package b\nfunc run() {}\n", "c.txt": "def run(): pass\n"}
    files = Files(head)
    assert around(files, "a.py", [1]).pieces == ()
    assert "c.txt" not in files.read


def test_a_long_definition_is_shown_by_its_signature() -> None:
    body = "".join(f"    step({at})\n" for at in range(60))
    head = {"a.py": "big(1)\n", "b.py": f"def big(a, b=2):\n    '''Do a lot.'''\n{body}"}
    [piece] = around(Files(head), "a.py", [1]).pieces
    assert piece.text == "# Do a lot.\ndef big(a, b=2):"


def test_a_class_comes_with_its_constructor() -> None:
    body = "".join(f"    x{at} = 1\n" for at in range(20))
    text = f"class Store:\n{body}    def __init__(self, size):\n        pass\n"
    [piece] = around(Files({"a.py": "Store(1)\n", "b.py": text}), "a.py", [1]).pieces
    assert piece.text == "class Store:\n    def __init__(self, size):"


def test_the_lowest_rank_is_dropped_first() -> None:
    whole = around(Files(shop()), "shop/cart.py", [14])
    assert whole.tokens == sum(piece.tokens for piece in whole.pieces) > 60
    for room in range(0, whole.tokens, 7):
        context = around(Files(shop()), "shop/cart.py", [14], room)
        assert context.tokens <= room
        assert len(context.pieces) + context.dropped >= 2
    less = around(Files(shop()), "shop/cart.py", [14], whole.tokens - 1)
    assert less.pieces == whole.pieces[:-1]
    assert less.dropped == 1


def test_a_file_is_read_and_a_name_searched_once_in_a_review() -> None:
    files = Files(shop())
    sources = Sources(files)
    for line in (13, 14, 16, 17):
        gather(change("shop/cart.py", SHOP, [line]), sources)
    assert len(files.read) == len(set(files.read))
    assert len(files.asked) == len(set(files.asked))
    assert "shop/cart.py" in files.read


def test_another_language_has_an_empty_context() -> None:
    files = Files({"a.txt": "one\n"})
    assert around(files, "a.txt", [1]) == Context((), searched=True, partial=False)
    assert files.read == []


DIFF = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -40,3 +40,4 @@ class Cart:
     def total(self):
         price = 1
+        price = round_up(price)
         return price
diff --git a/b.py b/b.py
new file mode 100644
--- /dev/null
+++ b/b.py
@@ -0,0 +1,2 @@
+def round_up(amount):
+    return amount
"""


def files_of(diff: str) -> list[FileDiff]:
    return list(parse_diff(diff.encode()))


def test_without_a_repository_the_diff_is_searched_and_says_so() -> None:
    files = files_of(DIFF)
    [chunk], _ = split_file(files[0], 1_000)
    context = gather(chunk, Sources(DiffRepository(files)))
    assert titles(context) == ["b.py:1 function `round_up` is used here"]
    assert not context.searched
    assert context.partial


def test_a_diff_gives_both_sides_at_their_lines() -> None:
    repository = DiffRepository(files_of(DIFF))
    head, base = repository.head("a.py"), repository.base("a.py")
    assert head is not None
    assert base is not None
    assert head.split("\n")[39:43] == [*base.split("\n")[39:41], "        price = round_up(price)",
                                       "        return price"]  # fmt: skip
    assert repository.base("b.py") is None
    assert repository.head("c.py") is None
    assert repository.find(["price"])["price"][0] == Place("a.py", 41, "        price = 1")


def test_a_hunk_at_a_huge_line_costs_nothing() -> None:
    diff = "--- a/a.py\n+++ b/a.py\n@@ -999999999999,1 +999999999999,1 @@\n-a\n+b()\n"
    repository = DiffRepository(files_of(diff))
    assert repository.head("a.py") == "\n"


HOSTILE = {
    "nested brackets": "(" * 9_000,
    "nested functions": "x=>{\n" * 4_000,
    "nested classes": "class A {\n" * 4_000,
    "nested calls": "f(\n" * 4_000 + ")" * 4_000,
    "nul bytes": "def f():\n\0\0\n    g()\n" * 300,
    "lone surrogates": "def \ud800(\udfff):\n    return '\ud83d'\n" * 300,
    "a line of a megabyte": "a();" * 250_000,
    "many definitions": "def f(): f()\n" * 2_000,
    "many blank lines": "\n" * 200_000 + "const a = require('b')",
    "carriage returns": "def f():\r\n    g()\r" * 300,
    "a byte order mark": "\ufeffdef f():\n    g()\n",
    "empty": "",
}
ENDINGS = sorted({language: ending for ending, language in LANGUAGES.items()}.values())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_read_without_an_error(name: str) -> None:
    text = HOSTILE[name]
    found = [read_source(f"a{ending}", text) for ending in ENDINGS]
    lines = {len(read.lines) for read in found if read}
    assert len(found) == 14
    assert lines <= {text.count("\n") + 1}


def test_what_would_take_the_parser_long_is_not_parsed() -> None:
    began = time.process_time()
    assert read_source("a.rs", "# a\n// b\n" * 20_000) is None  # 13 s
    assert read_source("a.js", "f(" * 50_000 + ")" * 50_000) is None  # more
    assert read_source("a.go", "x\n" * 200_000) is None
    assert time.process_time() - began < 5


CODE = st.lists(st.sampled_from([
    *"(){}[]<>:;,.=\"'`#/*@ \n\t\0\ud800é𝒳",
    "def f", "class A", "fn g", "func h", "f(", "return ", "if ", "=> ", "import a\n", "template<",
    "struct S {", "x = ", "(a, b)", "{\n", "}\n", "    ", "end\n", "impl A for B {", "<?php ",
]), max_size=60)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    head=st.lists(CODE.map("".join), min_size=1, max_size=12).map("\n".join),
    other=CODE.map("".join),
    ending=st.sampled_from(sorted(LANGUAGES)),
    room=st.integers(0, 400),
    first=st.integers(1, 5),
)
def test_no_text_makes_it_raise(head: str, other: str, ending: str, room: int, first: int) -> None:
    path = f"a{ending}"
    text = head + "\n" * 12
    files = Files({path: text, f"b{ending}": other}, {path: other})
    chunk = change(path, text.replace("\r", ""), range(first, first + 6), ["f(", "g()"])
    context = gather(chunk, Sources(files), room)
    shown = [(piece.title, piece.text) for piece in context.pieces]
    assert sum(map(estimate_tokens, chain.from_iterable(shown))) <= room
    assert all(text for _, text in shown)
