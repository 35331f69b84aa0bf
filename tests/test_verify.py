"""What a look-up refutes of a finding, and above all what it must not."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.diff.hunks import Line
from reviewbot.diff.parse import parse_diff
from reviewbot.findings.claims.claim import read_claims
from reviewbot.findings.finding import Finding
from reviewbot.findings.suggestion import check_suggestion
from reviewbot.findings.verify import Changed, changed_by, check_claim

BENCH = Path(__file__).parents[2] / "shared" / "data" / "review-bench"


@dataclass(frozen=True)
class Memory:
    """A repository of a few files."""

    files: dict[str, str] = field(default_factory=dict)
    searched: bool = True

    def text(self, path: str) -> str | None:
        return self.files.get(path)

    def places(self, name: str) -> list[tuple[str, int, str]]:
        word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        return [
            (path, number, line)
            for path, text in self.files.items()
            for number, line in enumerate(text.split("\n"), start=1)
            if word.search(line)
        ]


def finding_at(
    path: str, text: str, at: str, title: str, body: str = "", sign: str = "+", through: str = ""
) -> Finding:
    """A finding on the line that contains `at`, or up to the one that contains `through`."""
    lines = text.split("\n")
    start = next(index for index, line in enumerate(lines) if at in line)
    end = next(
        index for index, line in enumerate(lines) if (through or at) in line and index >= start
    )
    near = range(max(0, start - 2), min(len(lines), end + 3))
    excerpt = tuple(
        Line(
            "+" if sign == "+" and start <= index <= end else " ",
            lines[index],
            index + 1,
            index + 1,
        )
        for index in near
    )
    return Finding(
        path, "RIGHT", start + 1, end + 1, "major", "correctness", title, body, None, "model",
        excerpt, start + 1,
    )  # fmt: skip


PY = """\
import json
import os, sys
from typing import TYPE_CHECKING
from shop.prices import total as price_total
if TYPE_CHECKING:
    from shop.models import Order

LIMIT = 10

class Cart:
    tax = 3

    def __init__(self, items):
        self.items = items
        self.dirty = False
        self.spare = 1

    def pay(self, amount, note):
        due = amount * LIMIT
        if due > 5:
            discount = 1
        print(discount, due, tax)
        self.dirty = True
        return helper(due)

    def reload(self):
        if self.dirty:
            undefined_thing()
        return Order(self.items)

def helper(value):
    result = compute(value)
    counter = value + 1
    return json.dumps(value)

def compute(value):
    return value

def lonely(value):
    return lonely(value - 1)

async def fetch(session, user, other):
    first = await load(session)
    load(user)
    both = await asyncio.gather(load(1), load(2))
    task = asyncio.create_task(later(user))
    asyncio.create_task(forgotten(user))
    return load(other)

def read(path, user, record):
    with open(path) as source:
        text = source.read()
    leak = open(path)
    with sqlite3.connect(path) as connection:
        connection.execute("x")
    if user is None:
        return None
    name = user.name
    if record:
        audit = 1
    return name + record.name

def twice():
    pass

def twice():
    pass

def swap(total):
    count = count + total
    late = soon
    soon = 1
    return [row for row in total], row
"""

TS = """\
import React, { useState, useMemo as memo } from "react";
import type { Shape } from "./shape";
import * as paths from "path";
import { readFile } from "fs";

const LIMIT = 5;

export function area(shape: Shape, scale: number, spare: number): number {
  const width = shape.width * scale;
  let unread = 4;
  unread = 5;
  const [open, setOpen] = useState(false);
  for (const side of shape.sides) {
    send(side, LIMIT);
  }
  return width + side + ghost(open);
}

async function save(db: Db) {
  await db.write(LIMIT);
  db.flush();
  try {
    return db.close();
  } catch (problem) {
    throw problem;
  }
}

export const Panel = () => <div>{save}</div>;

class Store {
  private cache = 1;
  private never = 2;
  get() {
    return this.cache;
  }
}
"""

GO = """\
package shop

import (
	"fmt"
	str "strings"
)

func Load(name string, spare int) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	other, _ := os.Open(name)
	fmt.Println(other, limit, missing)
	for _, each := range names {
		part, _ := os.Open(each)
		defer part.Close()
	}
	return parse(file), nil
}

func parse(file *os.File) string { return len(file.Name()) + sub }
"""

JAVA = """\
package shop;

import java.util.List;
import java.util.Map;

class Cart {
    private int count = 0;
    private int spare = 0;

    int pay(List<String> names, int extra) {
        int due = count + names.size();
        int waste = 3;
        try (Reader reader = open(due)) {
            reader.read();
        }
        Reader raw = open(due);
        if (names == null) {
            return 0;
        }
        return names.size() + ghost + due;
    }
}
"""

RUST = """\
use std::fs::{File, self};
use std::io::Read;

const LIMIT: usize = 3;

fn load(path: &str, spare: usize) -> usize {
    let size = path.len() + LIMIT;
    let waste = 4;
    if size > 3 {
        let inner = 5;
    }
    finish(size, inner, ghost)
}

fn finish(size: usize, a: usize, b: usize) -> usize {
    size + File::open("x")
}
"""

CPP = """\
#include <vector>

static int limit = 3;

int load(int size, int spare) {
    int doubled = size * 2;
    int waste = later(doubled);
    return doubled + limit + ghost;
}

int later(int size) { return size; }
"""

RUBY = """\
require "json"

class Cart
  def pay(amount, spare)
    due = amount * 2
    waste = 1
    send_bill(due, ghost)
  end

  def send_bill(due, other)
    due
  end
end
"""

FILES = {
    "shop/cart.py": PY, "web/area.tsx": TS, "shop/load.go": GO, "src/Cart.java": JAVA,
    "src/load.rs": RUST, "src/load.cpp": CPP, "app/cart.rb": RUBY,
    "shop/main.py": "from shop.cart import compute, lonely\n\nprint(lonely(3))\n",
    "shop/other.go": "package shop\n\nvar limit = 3\n",
    "src/Money.java": "package shop;\n\nclass Money {}\n",
    "shop/settings.yaml": "name: one\nage: 2\nname: two\n",
}  # fmt: skip
BY_LANGUAGE = {
    "py": "shop/cart.py", "ts": "web/area.tsx", "go": "shop/load.go", "java": "src/Cart.java",
    "rs": "src/load.rs", "cpp": "src/load.cpp", "rb": "app/cart.rb",
}  # fmt: skip
REPOSITORY = Memory(FILES)
NO_DIFF = Changed(frozenset(), frozenset())

REFUTED = [
    # language, a piece of the line it stands on, title, body
    ("py", "due = amount", "`LIMIT` is not defined", ""),
    ("py", "due = amount", "Undefined variable `amount`", "This raises NameError."),
    ("py", "return helper", "Undefined function `helper()`", ""),
    ("py", "return json", "`json` is not imported", "Add `import json` to the file."),
    ("py", "return json", "Missing import for json", ""),
    ("py", "return json", "Missing import: `json`", ""),
    ("py", "print(discount", "Use of undeclared variable `due`", ""),
    ("py", "print(discount", "NameError", "`print` is not defined in this file."),
    ("py", "def helper", "`helper` is never used", ""),
    ("py", "import json", "Unused import `json`", "`json` is imported but never used."),
    ("py", "due = amount", "Unused variable 'due'", "The variable is assigned but never read."),
    ("py", "def pay", "Unused parameter `amount`", ""),
    ("py", "def compute", "`compute` is never called", "It can be removed."),
    ("py", "def compute", "Dead function `compute`", ""),
    ("py", "def lonely", "`lonely` is never called", ""),
    ("py", "def compute", "Duplicate function `helper`", "`helper` is defined twice."),
    ("py", "import json", "Duplicate import `json`", ""),
    ("py", "first = await", "Missing `await` on `load()`", "The coroutine is never awaited."),
    ("py", "both = await", "`load()` is not awaited", ""),
    ("py", "task = asyncio", "`later` is never awaited", ""),
    ("py", "with open(path)", "Resource leak", "The file is never closed."),
    ("py", "with open(path)", "`source` is never closed", ""),
    ("py", "name = user.name", "Missing None check for `user`", ""),
    ("py", "name = user.name", "`user` is not checked for None", "This may raise."),
    ("py", "import json", "Unused import `json`", "`os` is another."),
    ("ts", "const width", "`scale` is not defined", ""),
    ("ts", "send(side", "`LIMIT` is undeclared", ""),
    ("ts", "send(side", "Undeclared variable `side`", ""),
    ("ts", "const [open", "Missing import for `useState`", ""),
    ("ts", "const [open", "`useState` is not imported", ""),
    ("ts", "const width", "Unused variable `width`", ""),
    ("ts", "import React", "Unused import `useState`", ""),
    ("ts", "const LIMIT", "The constant `LIMIT` is declared but never used.", ""),
    ("ts", "await db.write", "Missing await on `db.write()`", ""),
    ("go", "fmt.Println", "Undefined: `limit`", ""),
    ("go", "fmt.Println", "`fmt` is not imported", ""),
    ("go", "fmt.Println", "`other` is undefined", ""),
    ("go", '"fmt"', "Unused import `fmt`", ""),
    ("go", "file, err", "`file` is never closed", ""),
    ("go", "func parse", "`parse` is never used", ""),
    ("java", "int due", "Undefined variable `count`", ""),
    ("java", "import java.util.List", "Unused import `List`", ""),
    ("java", "int due", "`due` is unused", ""),
    ("java", "Reader reader", "Resource leak: `reader`", "`reader` is not closed."),
    ("java", "return names.size() + ghost", "`names` is not checked for null", ""),
    ("java", "int pay", "Unused parameter `names`", ""),
    ("rs", "let size", "Undefined constant `LIMIT`", ""),
    ("rs", "let size", "Unused variable `size`", ""),
    ("rs", "finish(size", "`finish` is not defined", ""),
    ("rs", "fn finish", "Function `finish` is never called", ""),
    ("cpp", "return doubled", "Undeclared identifier `limit`", ""),
    ("cpp", "int doubled", "Variable `doubled` is unused", ""),
    ("cpp", "int load", "Unused parameter `size`", ""),
    ("rb", "due = amount", "Undefined variable `amount`", ""),
    ("rb", "due = amount", "Unused variable `due`", ""),
    ("py", "due = amount", "`frobnicate_all` drops its lock", "The `spin_lock_x` is wrong."),
]
TRUE = [
    # each of these is so: to refute one is the worst that can happen
    ("py", "print(discount", "`tax` is not defined", "Class attributes need `self`."),
    ("py", "print(discount", "Undefined variable `discount`", ""),
    ("py", "undefined_thing()", "`undefined_thing` is not defined", ""),
    ("py", "return Order", "`Order` is not imported", ""),
    ("py", "both = await", "`asyncio` is not imported", ""),
    ("py", "import os", "Unused import `os`", ""),
    ("py", "import os", "Unused imports `os` and `sys`", ""),
    ("py", "price_total", "`price_total` is imported but never used", ""),
    ("py", "def pay", "Unused parameter `note`", ""),
    ("py", "counter = value", "Unused variable `counter`", ""),
    ("py", "self.spare", "`spare` is never read", ""),
    ("py", "result = compute", "`result` is assigned but never used", ""),
    ("py", "def twice", "Duplicate function `twice`", ""),
    ("py", "load(user)", "Missing await on `load()`", ""),
    ("py", "forgotten(user)", "`forgotten` is never awaited", ""),
    ("py", "return load", "`load()` is not awaited", ""),
    ("py", "leak = open", "`leak` is never closed", ""),
    ("py", "sqlite3.connect", "Resource leak", "`connection` is never closed."),
    ("py", "record.name", "Missing None check for `record`", ""),
    ("py", "count = count", "`count` is not defined", ""),
    ("py", "late = soon", "`soon` is not defined", ""),
    ("py", "return [row", "Undefined variable `row`", ""),
    ("py", "audit = 1", "Unused variable `audit`", ""),
    ("ts", "return width", "Undeclared variable `side`", ""),
    ("ts", "return width", "`ghost` is not defined", ""),
    ("ts", "send(side", "`send` is not imported", ""),
    ("ts", "let unread", "`unread` is never used", ""),
    ("ts", "export function area", "Unused parameter `spare`", ""),
    ("ts", "import React", "Unused import `memo`", ""),
    ("ts", "import { readFile", "`readFile` is imported but never used", ""),
    ("ts", "db.flush", "Missing await on `db.flush()`", ""),
    ("ts", "return db.close", "`db.close()` is not awaited", ""),
    ("ts", "const [open", "`setOpen` is never used", ""),
    ("ts", "private never", "`never` is never used", ""),
    ("go", "missing)", "`missing` is undefined", ""),
    ("go", "os.Open(name)", "`os` is not imported", ""),
    ("go", "strings", "Unused import `str`", ""),
    ("go", "func Load", "Unused parameter `spare`", ""),
    ("go", "other, _", "`other` is never closed", ""),
    ("go", "part, _", "`part` is never closed", ""),
    ("java", "import java.util.Map", "Unused import `Map`", ""),
    ("java", "private int spare", "`spare` is never used", ""),
    ("java", "int waste", "Variable `waste` is unused", ""),
    ("java", "Reader raw", "`raw` is never closed", ""),
    ("java", "return names.size() + ghost", "`ghost` is not defined", ""),
    ("rs", "finish(size", "`inner` is not defined", ""),
    ("rs", "finish(size", "`ghost` is not defined", ""),
    ("rs", "let waste", "Unused variable `waste`", ""),
    ("rs", "use std::io", "Unused import `Read`", ""),
    ("rs", "fn load", "Unused parameter `spare`", ""),
    ("cpp", "int waste", "`later` is not declared", ""),
    ("cpp", "int waste", "`waste` is unused", ""),
    ("cpp", "return doubled", "`ghost` is undeclared", ""),
    ("rb", "send_bill(due, ghost)", "`ghost` is not defined", ""),
    ("rb", "waste = 1", "Unused variable `waste`", ""),
]
UNDECIDED = [
    # confined, hedged, negated, about another matter, or beyond what a look-up sees
    ("py", "print(discount", "`due` is undefined when amount is negative", ""),
    ("py", "print(discount", "`due` may be undefined", ""),
    ("py", "print(discount", "Undefined variable `due`", "If `due` is deleted, this raises."),
    ("py", "import json", "`json` is no longer unused", ""),
    ("py", "import json", "`json` is not undefined", ""),
    ("py", "due = amount", "The value of `due` is never used", ""),
    ("py", "due = amount", "Unused variable `due` and integer overflow", ""),
    ("py", "due = amount", "Overflow; `due` is unused", ""),
    ("py", "return helper", "The result of `helper()` is unused", ""),
    ("py", "return helper", "`helper` is not defined in `shop.prices`", ""),
    ("py", "self.dirty = True", "`self.dirty` is never used", ""),
    ("py", "def compute", "`compute` is only called in tests", ""),
    ("py", "def pay", "`pay` is never called", ""),
    ("py", "def compute", "Duplicate code", "`compute` repeats `helper`."),
    ("py", "with open(path)", "The file is not closed if reading fails", ""),
    ("py", "name = user.name", "`user.name` is not checked for None", ""),
    ("py", "due = amount", "Race on `LIMIT`", "`LIMIT` is never used."),
    ("py", "due = amount", "`amount` should be validated", ""),
    ("py", "due = amount", "Use `Decimal` for money", "`Decimal` avoids rounding."),
    ("py", "due = amount", "Consider `math.fsum`", ""),
    ("ts", "const width", "`width` is undefined", ""),
    ("ts", "private cache", "`cache` is declared but its value is never read", ""),
    ("ts", "await db.write", "`db.write()` is awaited without a timeout", ""),
    ("ts", "await db.write", "`await` in a loop", ""),
    ("java", "int due", "`due` is unused outside of this branch", ""),
    ("java", "Reader reader", "`reader` leaks on an exception", ""),
    ("go", "file, err", "`file` is not closed until the function returns", ""),
    ("cpp", "return doubled", "Integer overflow in `doubled + limit`", ""),
    ("rb", "due = amount", "`due` is assigned twice", ""),
]


def look(row: tuple[str, str, str, str], lookup: Memory = REPOSITORY) -> str | None:
    language, at, title, body = row
    path = BY_LANGUAGE[language]
    return check_claim(finding_at(path, FILES[path], at, title, body), lookup, NO_DIFF)


def names(row: tuple[str, ...]) -> str:
    return f"{row[0]}: {row[2]}"


@pytest.mark.parametrize("row", REFUTED, ids=names)
def test_a_claim_that_a_look_up_contradicts_is_refuted(row: tuple[str, str, str, str]) -> None:
    assert look(row)


@pytest.mark.parametrize("row", TRUE, ids=names)
def test_a_claim_that_is_true_is_kept(row: tuple[str, str, str, str]) -> None:
    assert look(row) is None


@pytest.mark.parametrize("row", UNDECIDED, ids=names)
def test_a_claim_that_cannot_be_decided_is_kept(row: tuple[str, str, str, str]) -> None:
    assert look(row) is None


def test_the_tables_are_large_enough_to_mean_something() -> None:
    assert len(REFUTED) + len(TRUE) + len(UNDECIDED) >= 120
    assert {row[0] for row in REFUTED} == {row[0] for row in TRUE} == set(BY_LANGUAGE)


@pytest.mark.parametrize("row", [*REFUTED, *TRUE], ids=names)
def test_a_file_that_is_not_known_refutes_nothing(row: tuple[str, str, str, str]) -> None:
    assert look(row, Memory({}, searched=False)) is None


def test_what_is_not_found_refutes_nothing_in_a_repository_known_in_part() -> None:
    row = ("py", "due = amount", "`frobnicate_all` drops its lock", "")
    assert look(row) == "names nothing that exists: `frobnicate_all`"
    assert look(row, Memory(FILES, searched=False)) is None


def test_one_name_that_exists_is_enough() -> None:
    assert look(("py", "due = amount", "`frobnicate_all` drops the lock of `Cart`", "")) is None
    assert look(("py", "due = amount", "`frobnicate_all` misreads Money's `Money`", "")) is None


def test_a_name_that_only_the_diff_removed_exists() -> None:
    found = finding_at("shop/cart.py", PY, "due = amount", "`frobnicate_all` is no longer locked")
    shown = Changed(frozenset({"due"}), frozenset({"frobnicate_all"}))
    assert check_claim(found, REPOSITORY, shown) is None


DIFF = b"""\
diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,3 +1,3 @@
 import json
-limit_of_old = 3
+limit_of_new = 4
 last = 5
"""


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("The limit_of_new is read here", True),
        ("`limit_of_old` is still needed", True),
        ("Reads the last of them too late", False),
        ("This should return a value", False),
    ],
)
def test_a_finding_on_an_unchanged_line_must_name_what_the_change_touches(
    title: str, *, kept: bool
) -> None:
    found = finding_at(
        "shop/cart.py", "import json\nlimit_of_new = 4\nlast = 5", "last", title, sign=" "
    )
    reason = check_claim(found, Memory({}, searched=False), changed_by(parse_diff(DIFF)))
    assert (reason is None) == kept
    assert reason in (None, "stands on an unchanged line and names nothing the change touches")


def test_a_definition_in_the_same_go_package_needs_no_import() -> None:
    row = ("go", "fmt.Println", "Undefined: `limit`", "")
    assert look(row) == "`limit` is defined in shop/other.go:3"
    assert look(row, Memory({"shop/load.go": GO})) is None
    assert look(row, Memory({"shop/load.go": GO, "other/a.go": "var limit = 3"})) is None
    assert look(row, Memory({"shop/load.go": GO, "shop/a_test.go": "var limit = 3"})) is None


def test_a_function_that_another_file_imports_is_used() -> None:
    row = ("py", "def lonely", "`lonely` is never used", "")
    assert look(row) == "`lonely` is used by shop/main.py:1"
    assert look(row, Memory({"shop/cart.py": PY})) is None
    tested = {"shop/cart.py": PY, "tests/test_cart.py": "from shop.cart import lonely\nlonely(1)\n"}
    assert look(row, Memory(tested)) is None


SEEN_FROM = [
    # a path, its text, the line of the finding, the name: it is defined, but not seen from there
    ("a.rs", "fn help() {}\n\nmod tests {\n    fn t() { help() }\n}\n", "fn t", "help"),
    ("a.rs", "fn f() {\n    let size = 1;\n    fn g() { show(size) }\n}\n", "fn g", "size"),
    ("a.rb", "size = 1\n\ndef f\n  show(size)\nend\n", "show", "size"),
    ("a.php", "<?php\n$size = 1;\nfunction f() { return g($size); }\n", "return", "$size"),
    ("a.ts", "interface Shape {}\nfunction f() {\n  return new Shape();\n}\n", "new", "Shape"),
    ("a.c", "int f() { return g(size); }\nint size = 1;\n", "return", "size"),
    ("a.py", "def f():\n    if a:\n        size = 1\n    show(size)\n", "show", "size"),
    ("a.py", "size = 1\ndef f():\n    show(size)\n    size = 2\n", "show", "size"),
    ("a.py", "def f():\n    size = 1\n    del size\n    show(size)\n", "show", "size"),
    ("a.py", "from shop import *\nshow(size)\n", "show", "size"),
    ("a.js", "function f() {\n  {\n    const size = 1;\n  }\n  show(size);\n}\n", "show", "size"),
]


@pytest.mark.parametrize("row", SEEN_FROM, ids=lambda row: f"{row[0]}: {row[1][:40]!r}")
def test_a_definition_that_is_not_seen_from_the_place_refutes_nothing(
    row: tuple[str, str, str, str],
) -> None:
    path, text, at, name = row
    found = finding_at(path, text, at, f"`{name}` is not defined")
    assert check_claim(found, Memory({path: text}), NO_DIFF) is None


IMPORTS = [
    ("shop/cart.py", "shop/main.py", "from .cart import pay", True),
    ("shop/cart.py", "shop/main.py", "from cart import pay", True),
    ("shop/cart.py", "main.py", "from shop.cart import pay as pay_all", True),
    ("src/shop/cart.py", "main.py", "from shop.cart import pay", True),
    ("shop/cart.py", "shop/web/main.py", "from ..cart import pay", True),
    ("shop/cart.py", "other/main.py", "from .cart import pay", False),
    ("shop/cart.py", "main.py", "from cart import pay", False),
    ("shop/cart.py", "main.py", "from bank.cart import pay", False),
    ("shop/cart.py", "tests/test_main.py", "from shop.cart import pay", False),
    ("shop/cart.py", "main.py", "from shop.cart import unpay  # not pay", False),
]


@pytest.mark.parametrize("row", IMPORTS, ids=lambda row: f"{row[1]}: {row[2]}")
def test_only_an_import_from_the_very_file_is_a_use_of_its_function(
    row: tuple[str, str, str, bool],
) -> None:
    path, other, line, counts = row
    text = "def pay():\n    return 1\n"
    found = finding_at(path, text, "def pay", "`pay` is never used")
    reason = check_claim(found, Memory({path: text, other: line}), NO_DIFF)
    assert (reason is not None) == counts


def test_an_import_by_a_relative_path_is_a_use() -> None:
    text = "export function pay() {}\n"
    found = finding_at("web/cart.ts", text, "pay", "`pay` is never used")
    near = Memory({"web/cart.ts": text, "web/a/b.ts": "import { pay } from '../cart';"})
    far = Memory({"web/cart.ts": text, "web/a/b.ts": "import { pay } from './cart';"})
    assert check_claim(found, near, NO_DIFF) == "`pay` is used by web/a/b.ts:1"
    assert check_claim(found, far, NO_DIFF) is None


GUARDS = [
    ("if user is None:\n    raise ValueError\nname = user.name", True),
    ("if not user: return\nname = user.name", True),
    ("if user is None:\n    log()\nname = user.name", False),
    ("if user is None:\n    raise ValueError\nuser = find()\nname = user.name", False),
    ("if a:\n    if user is None:\n        return\nname = user.name", False),
    ("if a:\n    if not user:\n        return\nelse:\n    name = user.name", False),
    ("if user.boss is None:\n    return\nname = user.name", False),
    ("if user is not None:\n    return\nname = user.name", False),
    ("def f(user):\n    if not user:\n        return\ndef g(user):\n    name = user.name", False),
]


@pytest.mark.parametrize(("text", "checked"), GUARDS)
def test_only_a_check_that_leaves_is_one(text: str, *, checked: bool) -> None:
    found = finding_at("a.py", text, "name = ", "Missing None check for `user`")
    assert (check_claim(found, Memory({"a.py": text}), NO_DIFF) is not None) == checked


def test_several_claims_are_refuted_together_or_not_at_all() -> None:
    assert look(("py", "due = amount", "Undefined variables `amount` and `LIMIT`", ""))
    assert look(("py", "due = amount", "Undefined variables `amount` and `limes`", "")) is None


@pytest.mark.parametrize(
    ("title", "body", "kinds"),
    [
        ("Unused variable count", "", ["unused"]),
        ("Unused variable", "", []),
        ("Undefined function call", "", []),
        ("`x` is no longer unused", "", []),
        ("`x` isn't undefined", "", []),
        ("`x` is never undefined", "", []),
        ("No unused import `x`", "", []),
        ("Remove unused import `x`", "", ["unused"]),
        ("The return value of `x` is never used", "", []),
        ("`x` is never used, `y` leaks", "", []),
        ("Crash at start", "This fails because `x` is not defined.", []),
        ("NameError at start", "This fails because `x` is not defined.", ["undefined"]),
        ("Resource leak", "`x` is never closed.", ["not closed"]),
        ("Missing `await` before `load()`", "", ["not awaited"]),
        ("`x` returns undefined", "", []),
        ("`x` is not checked for null", "", ["unchecked"]),
        ("`x` is dereferenced without a null check", "", ["unchecked"]),
    ],
)
def test_a_claim_is_read_where_it_is_all_that_is_said(
    title: str, body: str, kinds: list[str]
) -> None:
    assert [claim.kind for claim in read_claims(title, body)] == kinds


MATTER = """
`due` `amount` `helper()` `x` unused undefined is not never defined imported missing import variable
and but if closed awaited checked for None duplicate of called the . : ; ``` ( '
"""
WORDS = st.sampled_from(MATTER.split())
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=14).map(" ".join))


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(sorted(BY_LANGUAGE.values())), st.integers(1, 80))
def test_no_text_makes_a_check_fail(title: str, body: str, path: str, line: int) -> None:
    excerpt = (Line("+", "due = amount", line, line),)
    found = Finding(
        path,
        "RIGHT",
        line,
        line,
        "minor",
        "correctness",
        title,
        body,
        title,
        "model",
        excerpt,
        line,
    )
    reason = check_claim(found, REPOSITORY, NO_DIFF)
    assert reason is None or reason
    assert check_suggestion(found, FILES[path]) != ""


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(exclude_characters="`'\"_()", exclude_categories=["Lu"]), max_size=200)
)
def test_a_finding_on_changed_lines_that_names_nothing_is_never_refuted(text: str) -> None:
    plain = re.sub(
        r"\b(?:unused|undefined|undeclared|unresolved|missing|leak|await|closed)\b", "", text
    )
    found = finding_at("shop/cart.py", PY, "def pay", plain, plain)
    assert check_claim(found, REPOSITORY, NO_DIFF) is None


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.sampled_from(REFUTED))
def test_no_file_makes_a_check_fail(text: str, row: tuple[str, str, str, str]) -> None:
    language, at, title, body = row
    path = BY_LANGUAGE[language]
    found = finding_at(path, FILES[path], at, title, body)
    assert check_claim(found, Memory({path: text}, searched=False), NO_DIFF) != ""


def suggest(path: str, text: str, at: str, suggestion: str | None, through: str = "") -> str | None:
    found = finding_at(path, text, at, "Title", through=through)
    return check_suggestion(replace(found, suggestion=suggestion), text)


@pytest.mark.parametrize(
    ("at", "suggestion", "reason"),
    [
        ("due = amount", None, None),
        ("due = amount", "        due = amount * self.rate", None),
        ("due = amount", "        due = amount * LIMIT", "changes nothing"),
        ("due = amount", "        due  =  amount*LIMIT", "changes nothing"),
        (
            "due = amount",
            "        due = (amount * LIMIT",
            "leaves the file with an error of syntax",
        ),
        ("due = amount", "        Multiply the amount with care", "is prose"),
        ("due = amount", "12.kq|        due = 1", "holds ids of lines"),
        ("due = amount", "", None),
        (
            "due = amount",
            "    def pay(self, amount, note):\n        due = 1",
            "repeats the line above it",
        ),
        ("due = amount", "        due = 1\n        if due > 5:", "repeats the line below it"),
        ("    pass", "        pass", None),
    ],
)
def test_a_suggestion_must_be_worth_a_click(
    at: str, suggestion: str | None, reason: str | None
) -> None:
    assert suggest("shop/cart.py", PY, at, suggestion) == reason


@pytest.mark.parametrize(
    ("path", "at", "good", "bad"),
    [
        ("web/area.tsx", "let unread", "  let unread = 6;", "  let unread = {6;"),
        ("shop/load.go", "other, _", "\tother, err := os.Open(name)", "\tother, _ := os.Open(name"),
        ("src/Cart.java", "int waste", "        int waste = 4;", "        int waste = 4"),
        ("src/load.rs", "let waste", "    let waste = 5;", "    let waste = ;"),
        ("src/load.cpp", "int waste", "    int waste = 0;", "    int waste = 0"),
        ("app/cart.rb", "waste = 1", "    waste = 2", "    waste = (2"),
    ],
)
def test_a_suggestion_must_leave_a_file_that_parses(
    path: str, at: str, good: str, bad: str
) -> None:
    assert suggest(path, FILES[path], at, good) is None
    assert suggest(path, FILES[path], at, bad) == "leaves the file with an error of syntax"


def test_a_file_that_did_not_parse_before_may_stay_so() -> None:
    assert suggest("a.py", "x = (\ny = 1\n", "y = 1", "y = 2") is None


def test_a_suggestion_for_other_lines_than_those_at_head_goes() -> None:
    found = replace(finding_at("a.py", "x = 1\ny = 2\n", "y", "T"), suggestion="y = 3")
    assert check_suggestion(found, "x = 1\ny = 4\n") == "does not fit the file at head"
    assert check_suggestion(found, "x = 1\n") == "does not fit the file at head"
    assert check_suggestion(found, "x = 1\r\ny = 2\r\n") is None
    assert check_suggestion(found, None) is None


def test_a_suggestion_that_deletes_too_much_goes() -> None:
    long = "\n".join(f"x{number} = {number}" for number in range(50))
    assert suggest("a.py", long, "x3 ", "", through="x40 ") == "deletes 38 lines"
    assert suggest("a.py", long, "x3 ", "", through="x30 ") is None
    assert suggest("a.py", "x = 1\ny = 2\n", "x", "", through="y") == "deletes the whole file"


def test_a_suggestion_that_puts_the_removed_lines_back_goes() -> None:
    excerpt = (Line("-", "x = old()", 1, 1), Line("+", "x = new()", 2, 1), Line(" ", "y", 2, 2))
    found = Finding(
        "a.py", "RIGHT", 1, 1, "minor", "correctness", "T", "", "x = old()", "model", excerpt, 1
    )
    assert check_suggestion(found, "x = new()\ny\n") == "puts back what the change removes"
    assert check_suggestion(replace(found, suggestion="x = other()"), "x = new()\ny\n") is None


def test_indentation_alone_is_a_change_only_where_it_has_a_meaning() -> None:
    assert suggest("a.py", "if x:\n    y()\nz()\n", "z()", "    z()") is None
    assert suggest("a.js", "if (x)\n    y();\nz();\n", "z()", "    z();") == "changes nothing"


@pytest.mark.skipif(not BENCH.exists(), reason=f"the goldens are not here: {BENCH}")
@pytest.mark.parametrize("searched", [False, True])
def test_no_golden_is_refuted(*, searched: bool) -> None:
    refuted = [
        (path, line, reason)
        for found, lookup, changed in _goldens(searched=searched)
        for path, line, reason in [(found.path, found.line, check_claim(found, lookup, changed))]
        if reason is not None
    ]
    # it was said of an earlier state of the change: the field is not there any more
    gone = "names nothing that exists: `LogDisableProbes`"
    expected = [("pkg/gofr/http/middleware/config.go", 14, gone)] * searched
    assert refuted == expected


def _goldens(*, searched: bool) -> Iterator[tuple[Finding, Memory, Changed]]:
    heads: dict[str, dict[str, str]] = {}
    with gzip.open(BENCH / "changed-files.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            heads.setdefault(row["id"], {})[row["path"]] = row["head"] or ""
    with (BENCH / "prs.jsonl").open(encoding="utf-8") as file:
        rows: list[dict[str, Any]] = [json.loads(line) for line in file]
    for row in rows:
        files = list(parse_diff((BENCH / row["diff"]).read_bytes()))
        lines = {file.path: [one for hunk in file.hunks for one in hunk.lines()] for file in files}
        lookup = Memory(heads.get(row["id"], {}), searched)
        for golden in row["golden"]:
            yield _finding(golden, lines.get(golden["path"], [])), lookup, changed_by(files)


def _finding(golden: dict[str, Any], lines: list[Line]) -> Finding:
    side, first, last = golden["side"].upper(), golden["from_line"], golden["to_line"]
    at = [i for i, one in enumerate(lines) if one.side == side and first <= one.number <= last]
    excerpt = tuple(lines[max(0, at[0] - 2) : at[-1] + 3]) if at else ()
    title, _, body = re.sub(r"([.!?])\s+", "\\1\0", golden["text"], count=1).partition("\0")
    return Finding(
        golden["path"], side, first, last, "major", "correctness", title, body, None, "model",
        excerpt, last,
    )  # fmt: skip
