"""Our patterns for classic bugs, a row each: data alone. To add one, add a row and its example."""

from dataclasses import dataclass

from ast_grep_py import Pattern, Rule

from reviewbot.model.answer import Category, Severity


@dataclass(frozen=True, slots=True)
class BugPattern:
    """A shape of code that is nearly always a bug, as a rule of ast-grep.

    `alone` tells that it may be posted without the model: there is no good reason to write it.
    """

    name: str
    languages: tuple[str, ...]
    rule: Rule
    message: str
    severity: Severity = "major"
    category: Category = "correctness"
    alone: bool = False


_JS = ("javascript", "typescript", "tsx")
_C = ("c", "cpp")
_WITHOUT_CALL: Rule = {"not": {"regex": r"\("}}
"""Two calls may give two values."""


def _any(*patterns: str) -> Rule:
    """Match one of several pieces of code."""
    return {"any": [{"pattern": pattern} for pattern in patterns]}


def _part_of(context: str, kind: str) -> Pattern:
    """Match a part of a piece of code that cannot be read without what stands around it."""
    return {"context": context, "selector": kind, "strictness": "smart"}


def _calls(*patterns: str) -> Rule:
    """Match one of several calls of C, where a call alone would be read as a declaration."""
    return {
        "any": [
            {"pattern": _part_of(f"int a = {pattern};", "call_expression")} for pattern in patterns
        ]
    }


def _compares(*patterns: str) -> Rule:
    """Match one of several comparisons of C# or Java, which alone could be a type's arguments."""
    return {
        "any": [
            {"pattern": _part_of(f"if ({pattern}) {{}}", "binary_expression")}
            for pattern in patterns
        ]
    }


def _inside(kind: str, around: str, stop: str) -> Rule:
    """Match a node within another, but not beyond a function that stands between them."""
    return {"kind": kind, "inside": {"kind": around, "stopBy": {"any": [
        {"kind": one} for one in (around, *stop.split())
    ]}}}  # fmt: skip


def _directly_in(kind: str, bracket: str, around: str) -> Rule:
    """Match a condition that is nothing but a node: a second bracket tells that it is meant."""
    return {"kind": kind, "inside": {"kind": bracket, "inside": {"kind": around}}}


PATTERNS: tuple[BugPattern, ...] = (
    BugPattern(
        "compare-with-itself",
        (*_JS, "php"),
        {**_any("$A === $A", "$A == $A"), **_WITHOUT_CALL},
        "Both sides of this comparison are the same, so it says nothing.",
    ),
    BugPattern(
        "compare-with-itself",
        ("go", "java", "c", "cpp", "ruby", "kotlin", "rust"),
        {"pattern": "$A == $A", **_WITHOUT_CALL},
        "Both sides of this comparison are the same, so it says nothing.",
    ),
    BugPattern(
        "compare-with-itself",
        ("csharp",),
        {**_compares("$A == $A"), **_WITHOUT_CALL},
        "Both sides of this comparison are the same, so it says nothing.",
    ),
    BugPattern(
        "compare-with-nan",
        _JS,
        _any("$A === NaN", "$A == NaN", "$A !== NaN", "$A != NaN"),
        "NaN equals nothing, not even itself; use Number.isNaN().",
        alone=True,
    ),
    BugPattern(
        "compare-with-nan",
        ("csharp",),
        _compares("$A == double.NaN", "$A != double.NaN", "$A == float.NaN", "$A != float.NaN"),
        "NaN equals nothing, not even itself; use IsNaN().",
        alone=True,
    ),
    BugPattern(
        "compare-with-nan",
        ("java",),
        _compares("$A == Double.NaN", "$A != Double.NaN", "$A == Float.NaN", "$A != Float.NaN"),
        "NaN equals nothing, not even itself; use isNaN().",
        alone=True,
    ),
    BugPattern(
        "compare-with-nan",
        ("rust",),
        _any("$A == f64::NAN", "$A != f64::NAN", "$A == f32::NAN", "$A != f32::NAN"),
        "NaN equals nothing, not even itself; use is_nan().",
        alone=True,
    ),
    BugPattern(
        "assignment-as-condition",
        _JS,
        _directly_in("assignment_expression", "parenthesized_expression", "if_statement"),
        "This condition assigns; a comparison may be meant.",
        alone=True,
    ),
    BugPattern(
        "assignment-as-condition",
        ("c",),
        _directly_in("assignment_expression", "parenthesized_expression", "if_statement"),
        "This condition assigns; a comparison may be meant.",
        alone=True,
    ),
    BugPattern(
        "assignment-as-condition",
        ("cpp",),
        _directly_in("assignment_expression", "condition_clause", "if_statement"),
        "This condition assigns; a comparison may be meant.",
        alone=True,
    ),
    BugPattern(
        "empty-if",
        _C,
        {
            "kind": "if_statement",
            "has": {"field": "consequence", "kind": "expression_statement", "regex": "^;$"},
        },
        "A semicolon ends this if: what follows runs in any case.",
        alone=True,
    ),
    BugPattern(
        "async-foreach",
        _JS,
        _any(
            "$A.forEach(async ($$$P) => $B)",
            "$A.forEach(async $P => $B)",
            "$A.forEach(async function ($$$P) { $$$B })",
        ),
        "forEach does not wait for an async callback, and nobody sees its rejection.",
        category="concurrency",
    ),
    BugPattern(
        "async-promise-executor",
        _JS,
        _any(
            "new Promise(async ($$$P) => $B)",
            "new Promise(async $P => $B)",
            "new Promise(async function ($$$P) { $$$B })",
        ),
        "What an async executor throws never rejects the promise.",
        category="errors",
        alone=True,
    ),
    BugPattern(
        "negative-length",
        (*_JS, "kotlin"),
        _any("$A.length < 0", "$A.length >= 0"),
        "A length is never negative, so this is always the same.",
        alone=True,
    ),
    BugPattern(
        "negative-length",
        ("java",),
        _compares("$A.length < 0", "$A.length() < 0", "$A.size() < 0", "$A.size() >= 0"),
        "A length is never negative, so this is always the same.",
        alone=True,
    ),
    BugPattern(
        "negative-length",
        ("go",),
        _any("len($A) < 0", "len($A) >= 0"),
        "A length is never negative, so this is always the same.",
        alone=True,
    ),
    BugPattern(
        "return-in-finally",
        _JS,
        _inside(
            "return_statement",
            "finally_clause",
            "function_declaration function_expression arrow_function method_definition",
        ),
        "A return in finally swallows the exception.",
        category="errors",
        alone=True,
    ),
    BugPattern(
        "return-in-finally",
        ("java",),
        _inside("return_statement", "finally_clause", "lambda_expression class_body"),
        "A return in finally swallows the exception.",
        category="errors",
        alone=True,
    ),
    BugPattern(
        "return-in-ensure",
        ("ruby",),
        _inside("return", "ensure", "block do_block lambda method"),
        "A return in ensure swallows the exception.",
        category="errors",
        alone=True,
    ),
    BugPattern(
        "html-from-data",
        _JS,
        {
            "pattern": "$A.innerHTML = $B",
            "not": {"has": {"field": "right", "kind": "string"}},
        },
        "Markup in this value would run as a script in the page.",
        category="security",
    ),
    BugPattern(
        "evaluated-text",
        (*_JS, "php", "ruby"),
        {"pattern": "eval($A)"},
        "What is evaluated here runs with all the program's rights.",
        category="security",
    ),
    BugPattern(
        "defer-in-loop",
        ("go",),
        _inside("defer_statement", "for_statement", "func_literal"),
        "A deferred call runs when the function ends, not the turn: they pile up.",
        category="resources",
    ),
    BugPattern(
        "nil-for-an-error",
        ("go",),
        {"pattern": "if err != nil { return nil }"},
        "The error is dropped: the caller takes nil for success.",
        category="errors",
    ),
    BugPattern(
        "certificate-not-checked",
        ("go",),
        {"kind": "keyed_element", "regex": r"^InsecureSkipVerify\s*:\s*true$"},
        "The server's certificate is not checked, so anyone can stand between.",
        category="security",
    ),
    BugPattern(
        "string-identity",
        ("java",),
        {
            "kind": "binary_expression",
            "has": {"kind": "string_literal"},
            "regex": r"""^(?:[^"=!<>]*[=!]=\s*"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*"\s*[=!]=.*)$""",
        },
        "== compares references, not texts; use equals().",
        alone=True,
    ),
    BugPattern(
        "equals-itself",
        ("java", "kotlin"),
        {"pattern": "$A.equals($A)"},
        "This compares a value with itself.",
    ),
    BugPattern(
        "decimal-from-float",
        ("java",),
        {
            "kind": "object_creation_expression",
            "regex": r"^new\s+BigDecimal\(\s*\d+\.\d+\s*\)$",
        },
        "A double is not exact before BigDecimal sees it; give it a string.",
        alone=True,
    ),
    BugPattern(
        "swallowed-exception",
        ("java", "csharp", *_JS),
        {"kind": "catch_clause", "has": {"regex": r"^\{\s*\}(?:\s*//.*)?\s*$"}},
        "This catches and says nothing of it.",
        "minor",
        "errors",
    ),
    BugPattern(
        "swapped-memset",
        _C,
        {**_calls("memset($P, $N, 0)"), "not": _calls("memset($P, 0, 0)")},
        "The length is 0, so nothing is set: value and length are swapped.",
        alone=True,
    ),
    BugPattern(
        "unbounded-read",
        _C,
        _calls("gets($P)"),
        "gets() writes past any buffer.",
        "critical",
        "security",
        alone=True,
    ),
    BugPattern(
        "no-room-for-the-end",
        _C,
        _calls("malloc(strlen($S))"),
        "There is no room for the zero at the end.",
        "critical",
        alone=True,
    ),
    BugPattern(
        "lost-by-realloc",
        _C,
        {"pattern": "$P = realloc($P, $N)"},
        "Where realloc fails, the only pointer to the old block is lost.",
        "minor",
        "resources",
    ),
    BugPattern(
        "async-void",
        ("csharp",),
        {
            "kind": "method_declaration",
            "regex": r"^[^({]*\basync\s+void\b",
        },
        "Nobody can wait for an async void method, and its exception ends the process.",
        category="concurrency",
    ),
    BugPattern(
        "blocked-on-a-task",
        ("csharp",),
        {"pattern": "$A.GetAwaiter().GetResult()"},
        "This blocks a thread until the task ends, and can deadlock.",
        category="concurrency",
    ),
    BugPattern(
        "lock-on-this",
        ("csharp",),
        {"kind": "lock_statement", "regex": r"^lock\s*\(\s*(?:this|typeof\s*\(|\")"},
        "Others can lock the same object.",
        category="concurrency",
    ),
    BugPattern(
        "position-as-truth",
        ("php",),
        {
            "any": [
                {"kind": "if_statement", "regex": r"^if\s*\(\s*!?\s*str(?:i?|r)pos\([^()]*\)\s*\)"},
                {"pattern": "strpos($$$A) == false"},
                {"pattern": "strpos($$$A) == true"},
                {"pattern": "stripos($$$A) == false"},
            ]
        },
        "The position 0 counts as false; compare with === false.",
        alone=True,
    ),
    BugPattern(
        "objects-from-a-request",
        ("php",),
        {
            "kind": "function_call_expression",
            "regex": r"^unserialize\(\s*\$_(?:GET|POST|COOKIE|REQUEST)\b",
        },
        "Whoever sends the request chooses which objects are made.",
        "critical",
        "security",
        alone=True,
    ),
    BugPattern(
        "echoed-request",
        ("php",),
        {"kind": "echo_statement", "regex": r"^echo\s+\$_(?:GET|POST|COOKIE|REQUEST)\["},
        "Markup in the request runs as a script in the page.",
        category="security",
        alone=True,
    ),
    BugPattern(
        "rescues-everything",
        ("ruby",),
        {"kind": "exceptions", "regex": r"^Exception$"},
        "This rescues signals and exits as well; StandardError is what can be handled.",
        category="errors",
    ),
    BugPattern(
        "assignment-as-condition",
        ("ruby",),
        {"kind": "assignment", "inside": {"kind": "if", "field": "condition"}},
        "This condition assigns; a comparison may be meant.",
    ),
    BugPattern(
        "objects-from-bytes",
        ("ruby",),
        {"pattern": "Marshal.load($A)"},
        "Whoever wrote these bytes chooses which objects are made.",
        category="security",
    ),
    BugPattern(
        "global-coroutine",
        ("kotlin",),
        _any("GlobalScope.launch { $$$B }", "GlobalScope.async { $$$B }"),
        "Nobody ends this coroutine, or sees its failure.",
        category="concurrency",
    ),
    BugPattern(
        "lock-not-held",
        ("rust",),
        _any(
            "let _ = $A.lock();",
            "let _ = $A.lock().unwrap();",
            "let _ = $A.write().unwrap();",
            "let _ = $A.read().unwrap();",
            "let _ = $A.lock().await;",
        ),
        "`_` holds nothing: the lock is free again at once.",
        "critical",
        "concurrency",
        alone=True,
    ),
    BugPattern(
        "blocked-runtime",
        ("rust",),
        {
            "kind": "call_expression",
            "regex": r"^(?:std::)?thread::sleep\(",
            "inside": {
                "kind": "function_item",
                "regex": r"^(?:pub(?:\([a-z]+\))?\s+)?async\b",
                "stopBy": {"any": [{"kind": "function_item"}, {"kind": "closure_expression"}]},
            },
        },
        "This blocks the thread that other tasks of the runtime need.",
        category="concurrency",
        alone=True,
    ),
    BugPattern(
        "uninitialized-value",
        ("rust",),
        _any("std::mem::uninitialized()", "mem::uninitialized()"),
        "An uninitialized value is undefined behaviour for nearly every type.",
        "critical",
        alone=True,
    ),
)
"""All of them. Names repeat where languages differ in the form of the same bug."""

LANGUAGES = frozenset(language for row in PATTERNS for language in row.languages)
