"""Our bug patterns: what each finds and leaves alone, and code made to break the matcher."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from reviewbot.analyzers.analyze import Analysis, analyze
from reviewbot.analyzers.analyzer import Limits
from reviewbot.analyzers.bug_patterns import PATTERNS
from reviewbot.analyzers.match_patterns import match_file
from reviewbot.analyzers.patterns import Patterns
from reviewbot.context.syntax import LANGUAGES
from reviewbot.diff.parse import parse_diff

EXAMPLES: dict[str, str] = {
    "a.js": """\
if (a === a) {}  //! compare-with-itself
if (next() === next()) {}
if (a !== a) {}
if (x == NaN) {}  //! compare-with-nan
if (Number.isNaN(x)) {}
if (x = 3) {}  //! assignment-as-condition
if ((x = f())) {}
while ((x = f())) {}
list.forEach(async (v) => { await f(v) })  //! async-foreach
list.forEach(async v => f(v))  //! async-foreach
list.forEach(async function (v) { await f(v) })  //! async-foreach
list.forEach((v) => f(v))
new Promise(async (res, rej) => { res(1) })  //! async-promise-executor
new Promise((res) => { res(1) })
if (a.length < 0) {}  //! negative-length
if (a.length < 1) {}
function f() { try { g() } finally { return 1 } }  //! return-in-finally
function h() { try { g() } finally { l.map(() => { return 1 }) } }
el.innerHTML = data  //! html-from-data
el.innerHTML = "<b>x</b>"
eval(text)  //! evaluated-text
try { f() } catch (e) {}  //! swallowed-exception
try { f() } catch (e) { log(e) }
""",
    "a.ts": """\
function f(a: number): boolean { return a === a }  //! compare-with-itself
if (x === NaN) {}  //! compare-with-nan
if (x = y as number) {}  //! assignment-as-condition
list.forEach(async (v: string): Promise<void> => { await f(v) })
new Promise<void>((res) => { res() })
new Promise(async (res) => { res(1) })  //! async-promise-executor
list.forEach(async (v: string) => { await f(v) })  //! async-foreach
const ok = list.length >= 0  //! negative-length
function g(): number { try { h() } finally { return 1 } }  //! return-in-finally
el.innerHTML = data  //! html-from-data
eval(text)  //! evaluated-text
try { f() } catch {}  //! swallowed-exception
""",
    "a.tsx": """\
const a = <b onClick={() => l.forEach(async (x) => { await g(x) })} />  //! async-foreach
const b = <b>{x == NaN}</b>  //! compare-with-nan
const c = <b>{x === x}</b>  //! compare-with-itself
function f() { if (x = 3) { return <b /> } }  //! assignment-as-condition
new Promise(async (res) => { res(1) })  //! async-promise-executor
const d = l.length >= 0 && <b />  //! negative-length
function g() { try { h() } finally { return <b /> } }  //! return-in-finally
el.innerHTML = data  //! html-from-data
eval(text)  //! evaluated-text
try { f() } catch (e) {}  //! swallowed-exception
""",
    "a.go": """\
package a
func f() error {
\tfor _, x := range y { defer x.Close() }  //! defer-in-loop
\tfor _, x := range y { func() { defer x.Close() }() }
\tdefer z.Close()
\tif err != nil { return nil }  //! nil-for-an-error
\tif err != nil { return err }
\tc := tls.Config{InsecureSkipVerify: true}  //! certificate-not-checked
\td := tls.Config{InsecureSkipVerify: false}
\tif len(x) < 0 {}  //! negative-length
\tif len(x) < 1 {}
\tif a.b == a.b {}  //! compare-with-itself
\tif a.b == a.c {}
}
""",
    "a.java": """\
class A { void f() {
  if (s == "x") {}  //! string-identity
  if ("x" != s) {}  //! string-identity
  if (m == null || n == "q") {}  //! string-identity
  if (s.equals("x") == true) {}
  String t = "a" + (x == y) + "b";
  if (a.equals(a)) {}  //! equals-itself
  if (a.equals(b)) {}
  new BigDecimal(0.1);  //! decimal-from-float
  new BigDecimal("0.1");
  try { g(); } catch (E e) { }  //! swallowed-exception
  try { g(); } catch (E e) { /* it is gone already */ }
  try { g(); } finally { return; }  //! return-in-finally
  try { g(); } finally { run(() -> { return; }); }
  if (d == Double.NaN) {}  //! compare-with-nan
  if (a == a) {}  //! compare-with-itself
  if (a.size() < 0) {}  //! negative-length
}}
""",
    "a.c": """\
void f() {
  if (x = 3) y();  //! assignment-as-condition
  if ((x = g())) y();
  if (x == 3);  //! empty-if
  memset(p, n, 0);  //! swapped-memset
  memset(p, 0, n);
  memset(p, 0, 0);
  gets(b);  //! unbounded-read
  fgets(b, n, stdin);
  char *c = malloc(strlen(s));  //! no-room-for-the-end
  char *d = malloc(strlen(s) + 1);
  p = realloc(p, 3);  //! lost-by-realloc
  q = realloc(p, 3);
  if (a == a) y();  //! compare-with-itself
}
""",
    "a.cpp": """\
void f() {
  if (x = 3) y();  //! assignment-as-condition
  if ((x = g())) y();
  if (auto p = g()) y();
  if (x == 3);  //! empty-if
  if (a == a) y();  //! compare-with-itself
  memset(p, sizeof(p), 0);  //! swapped-memset
  gets(b);  //! unbounded-read
  auto c = (char *)malloc(strlen(s));  //! no-room-for-the-end
  p = realloc(p, 3);  //! lost-by-realloc
}
""",
    "a.cs": """\
class A {
  async void F() { await G(); }  //! async-void
  async Task H() { await G(); }
  void I() {
    G().GetAwaiter().GetResult();  //! blocked-on-a-task
    lock (this) { }  //! lock-on-this
    lock (gate) { }
    if (x == double.NaN) { }  //! compare-with-nan
    if (a == a) { }  //! compare-with-itself
    if (a == b) { }
    try { G(); } catch (Exception e) { }  //! swallowed-exception
  }
}
""",
    "a.php": """\
<?php
if (strpos($a, 'b')) {}  //! position-as-truth
if (!strpos($a, $b)) {}  //! position-as-truth
if (strpos($a, 'b') == false) {}  //! position-as-truth
if (strpos($a, 'b') === false) {}
unserialize($_GET['a']);  //! objects-from-a-request
unserialize($a);
echo $_GET['x'];  //! echoed-request
echo $x;
eval($x);  //! evaluated-text
if ($a == $a) {}  //! compare-with-itself
""",
    "a.rb": """\
def f
  g
rescue Exception => e  #! rescues-everything
  h
ensure
  return 1  #! return-in-ensure
end
def k
  g
rescue StandardError
  h
ensure
  l.each { |x| return x }
end
if x = 3  #! assignment-as-condition
end
if x == 3
  y = 1
end
Marshal.load(data)  #! objects-from-bytes
eval(x)  #! evaluated-text
k if a == a  #! compare-with-itself
""",
    "a.kt": """\
fun f() {
  GlobalScope.launch { g() }  //! global-coroutine
  scope.launch { g() }
  if (a == a) {}  //! compare-with-itself
  if (a.equals(a)) {}  //! equals-itself
  if (a.length < 0) {}  //! negative-length
}
""",
    "a.rs": """\
async fn f() {
    let _ = m.lock().unwrap();  //! lock-not-held
    let _g = m.lock().unwrap();
    std::thread::sleep(d);  //! blocked-runtime
    let x: u8 = unsafe { std::mem::uninitialized() };  //! uninitialized-value
    if a == f64::NAN {}  //! compare-with-nan
    if a == a {}  //! compare-with-itself
}
fn g() { thread::sleep(d); }
pub async fn h() { spawn_blocking(|| { std::thread::sleep(d); }); }
""",
}
"""Source code in which a comment with `!` names the pattern that is to find its line."""


def marks(path: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(EXAMPLES[path].splitlines(), 1):
        if "! " in line.replace("//!", "#!").partition("#")[2]:
            yield number, line.rpartition("! ")[2]


def language(path: str) -> str:
    return LANGUAGES["." + path.rpartition(".")[2]]


@pytest.mark.parametrize("path", EXAMPLES)
def test_patterns_find_the_marked_lines_and_no_others(path: str) -> None:
    found = {(match["line"], match["name"]) for match in match_file(path, EXAMPLES[path])}
    assert sorted(found) == sorted(marks(path))


def test_each_pattern_is_found_in_each_of_its_languages() -> None:
    wanted = {(row.name, each) for row in PATTERNS for each in row.languages}
    assert {(name, language(path)) for path in EXAMPLES for _, name in marks(path)} == wanted


def test_a_name_has_one_severity_and_category() -> None:
    kinds = {(row.name, row.severity, row.category) for row in PATTERNS}
    assert len(kinds) == len({row.name for row in PATTERNS})


def test_a_language_without_patterns_is_not_wanted() -> None:
    assert Patterns().wants("src/a.rs")
    assert not Patterns().wants("a.py")
    assert not Patterns().wants("a.unknown")


@dataclass(frozen=True)
class Breaking:
    """Code that ends the matcher or holds it."""

    path: str
    text: str
    problem: str


SUM = "a+\n" * 45_000
NEST = "if a { defer b()\n" * 9_000 + "}\n" * 9_001
BREAKING = [
    Breaking("a.js", f"x = {SUM}a === {SUM}a\n", "failed (signal 11)"),
    Breaking("a.go", f"package a\nfunc f() {{\n{NEST}", "did not end within 2 s"),
]


@pytest.mark.parametrize("breaking", BREAKING, ids=lambda breaking: breaking.path)
def test_code_made_to_break_the_matcher_costs_its_alarms_alone(breaking: Breaking) -> None:
    diff = f"--- /dev/null\n+++ b/{breaking.path}\n@@ -0,0 +1 @@\n+x\n".encode()
    analysis = asyncio.run(
        analyze(list(parse_diff(diff)), lambda _: breaking.text, [Patterns()], Limits(seconds=2))
    )
    problem = f"patterns: {breaking.problem}"
    assert analysis == Analysis(problems=(problem,))
