"""No input; out comes what the languages know of names without being told: tables of data."""

import builtins

from reviewbot.findings.claims.roles import words

IMPLICIT = words("java csharp kotlin swift cpp")
"""Languages in which a class's members are known in its methods by their bare name."""
ORDERED = frozenset(("c", "cpp"))
"""Languages in which a name is known only below its declaration, on the file's level too."""
LOOSE = words("kotlin swift csharp ruby")
"""Languages whose grammar names few fields: more places count as needing a definition."""
SCRIPTS = frozenset(("javascript", "typescript", "tsx"))

BUILTINS: dict[str, frozenset[str]] = {
    "python": frozenset(dir(builtins)) | frozenset(("__file__", "__name__")),
    "go": words(
        "any append bool byte cap clear close complex comparable copy delete error false float32"
        " float64 int int16 int32 int64 int8 iota len make max min new nil panic print println"
        " real recover rune string true uint uint16 uint32 uint64 uint8 uintptr"
    ),
    **dict.fromkeys(
        SCRIPTS,
        words(
            "Array BigInt Boolean Date Error JSON Map Math NaN Number Object Promise Proxy RegExp"
            " Set String Symbol TypeError RangeError WeakMap WeakSet console parseFloat parseInt"
            " isNaN clearInterval clearTimeout setInterval setTimeout"
        ),
    ),
    "rust": words("Box Err None Ok Option Result Some String ToString Vec drop str"),
    "java": words("Boolean Double Exception Integer Iterable Long Math Object String"),
}
"""What each language knows without a definition, in every version and place it runs in."""

STATEMENTS = words(
    "assignment variable_declarator short_var_declaration let_declaration init_declarator var_spec"
    " const_spec property_declaration assignment_expression named_expression"
)

_FUNCTION = "anonymous_function anonymous_function_creation_expression function_definition"
GATES: dict[str, frozenset[str]] = {
    "php": words(f"{_FUNCTION} method_declaration"),
    "ruby": words("method singleton_method class module"),
    "rust": words("function_item mod_item"),
    "cpp": words("lambda_expression"),
}
"""Nodes that hide the variables around them from what is in them, by language."""
