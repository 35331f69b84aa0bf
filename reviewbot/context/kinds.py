"""No input; out comes, for each language, which kinds of syntax node say what: a table of data.

The names are those of the tree-sitter grammars. To add a language, add its endings to
`syntax.LANGUAGES`, a row here, and a labelled file to the tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})
_NO_PAIRS: Mapping[str, tuple[str, str]] = MappingProxyType({})

ANONYMOUS = "(anonymous)"
"""The name of a function that has none."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the nodes of a language mean, by their kind.

    `defines` gives the word for what a kind defines. `fixed` names what has no name of its own.
    `named_by` are nodes that lend theirs to the function in them: (field of the name, field of
    the value). `wraps` are nodes around a definition that belong to it. `leads` are comments,
    decorators and attributes above one. `calls`, `types`, `bases` and `imports` use names.
    """

    defines: Mapping[str, str]
    leads: frozenset[str]
    calls: frozenset[str]
    imports: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()
    anonymous: frozenset[str] = frozenset()
    wraps: frozenset[str] = frozenset()
    fixed: Mapping[str, str] = field(default_factory=lambda: _NONE)
    named_by: Mapping[str, tuple[str, str]] = field(default_factory=lambda: _NO_PAIRS)
    family: str = ""
    """Languages of a family call each other by name."""

    def kinds(self) -> list[str]:
        """Give every kind that is looked for in a tree, each once."""
        found = dict.fromkeys((*self.defines, *self.named_by))
        for group in (self.anonymous, self.wraps, self.leads, self.calls, self.imports):
            found |= dict.fromkeys(group)
        return list(found | dict.fromkeys((*self.types, *self.bases)))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(**words: str) -> dict[str, str]:
    """Turn `function="a b"` around: each kind with its word."""
    return {kind: word for word, kinds in words.items() for kind in kinds.split()}


_PYTHON = Grammar(
    defines=_table(function="function_definition", **{"class": "class_definition"}),
    leads=_words("comment decorator"),
    calls=_words("call decorator"),
    imports=_words("import_statement import_from_statement future_import_statement"),
    types=_words("type"),
    wraps=_words("decorated_definition"),
)
_JS_KINDS = {
    "function": "function_declaration generator_function_declaration",
    "method": "method_definition",
    "class": "class_declaration",
}
_JAVASCRIPT = Grammar(
    defines=_table(**_JS_KINDS),
    leads=_words("comment decorator"),
    calls=_words("call_expression new_expression jsx_opening_element jsx_self_closing_element"),
    imports=_words("import_statement"),
    bases=_words("class_heritage"),
    anonymous=_words("arrow_function function_expression generator_function class"),
    wraps=_words("export_statement lexical_declaration variable_declaration expression_statement"),
    named_by={
        "variable_declarator": ("name", "value"),
        "pair": ("key", "value"),
        "assignment_expression": ("left", "right"),
        "field_definition": ("property", "value"),
    },
    family="js",
)
_TYPESCRIPT = Grammar(
    defines=_table(
        function=f"{_JS_KINDS['function']} function_signature",
        method="method_definition method_signature abstract_method_signature",
        interface="interface_declaration",
        enum="enum_declaration",
        type="type_alias_declaration",
        namespace="internal_module",
        **{"class": "class_declaration abstract_class_declaration"},
    ),
    leads=_JAVASCRIPT.leads,
    calls=_words("call_expression new_expression"),
    imports=_JAVASCRIPT.imports,
    types=_words("type_identifier"),
    bases=_words("class_heritage extends_type_clause"),
    anonymous=_JAVASCRIPT.anonymous,
    wraps=_JAVASCRIPT.wraps | _words("ambient_declaration"),
    named_by={
        "variable_declarator": ("name", "value"),
        "pair": ("key", "value"),
        "assignment_expression": ("left", "right"),
        "public_field_definition": ("name", "value"),
    },
    family="js",
)
_TSX = Grammar(
    defines=_TYPESCRIPT.defines,
    leads=_TYPESCRIPT.leads,
    calls=_JAVASCRIPT.calls,
    imports=_TYPESCRIPT.imports,
    types=_TYPESCRIPT.types,
    bases=_TYPESCRIPT.bases,
    anonymous=_TYPESCRIPT.anonymous,
    wraps=_TYPESCRIPT.wraps,
    named_by=_TYPESCRIPT.named_by,
    family="js",
)
_GO = Grammar(
    defines=_table(
        function="function_declaration",
        method="method_declaration method_elem",
        type="type_spec type_alias",
    ),
    leads=_words("comment"),
    calls=_words("call_expression type_conversion_expression"),
    imports=_words("import_spec"),
    types=_words("type_identifier"),
    anonymous=_words("func_literal"),
    wraps=_words("type_declaration var_declaration"),
    named_by={
        "short_var_declaration": ("left", "right"),
        "var_spec": ("name", "value"),
        "assignment_statement": ("left", "right"),
    },
)
_JAVA = Grammar(
    defines=_table(
        method="method_declaration",
        constructor="constructor_declaration compact_constructor_declaration",
        interface="interface_declaration annotation_type_declaration",
        enum="enum_declaration",
        record="record_declaration",
        initializer="static_initializer",
        **{"class": "class_declaration"},
    ),
    leads=_words("line_comment block_comment"),
    calls=_words("method_invocation object_creation_expression method_reference"),
    imports=_words("import_declaration"),
    types=_words("type_identifier"),
    bases=_words("superclass super_interfaces extends_interfaces"),
    anonymous=_words("lambda_expression"),
    fixed={"static_initializer": "static"},
    family="jvm",
)
_RUST = Grammar(
    defines=_table(
        function="function_item function_signature_item",
        impl="impl_item",
        trait="trait_item",
        struct="struct_item union_item",
        enum="enum_item",
        module="mod_item",
        macro="macro_definition",
    ),
    leads=_words("line_comment block_comment attribute_item"),
    calls=_words("call_expression macro_invocation struct_expression"),
    imports=_words("use_declaration"),
    types=_words("type_identifier"),
    anonymous=_words("closure_expression"),
    named_by={"let_declaration": ("pattern", "value")},
)
_C_DEFINES = {
    "function": "function_definition",
    "struct": "struct_specifier union_specifier",
    "enum": "enum_specifier",
    "macro": "preproc_function_def",
}
_C = Grammar(
    defines=_table(**_C_DEFINES),
    leads=_words("comment"),
    calls=_words("call_expression"),
    imports=_words("preproc_include"),
    types=_words("type_identifier"),
    named_by={"type_definition": ("declarator", "type")},
    family="c",
)
_CPP = Grammar(
    defines=_table(**_C_DEFINES, **{"class": "class_specifier"}),
    leads=_words("comment attribute_declaration"),
    calls=_words("call_expression new_expression"),
    imports=_words("preproc_include using_declaration"),
    types=_words("type_identifier"),
    bases=_words("base_class_clause"),
    anonymous=_words("lambda_expression"),
    wraps=_words("template_declaration"),
    named_by={
        "type_definition": ("declarator", "type"),
        "init_declarator": ("declarator", "value"),
    },
    family="c",
)
_CSHARP = Grammar(
    defines=_table(
        method="method_declaration",
        constructor="constructor_declaration destructor_declaration",
        property="property_declaration indexer_declaration event_declaration",
        operator="operator_declaration conversion_operator_declaration",
        function="local_function_statement",
        struct="struct_declaration",
        interface="interface_declaration",
        enum="enum_declaration",
        record="record_declaration",
        delegate="delegate_declaration",
        **{"class": "class_declaration"},
    ),
    leads=_words("comment"),
    calls=_words("invocation_expression object_creation_expression"),
    imports=_words("using_directive"),
    types=_words("attribute"),
    bases=_words("base_list"),
    anonymous=_words("lambda_expression anonymous_method_expression"),
    fixed={
        "indexer_declaration": "this",
        "operator_declaration": "operator",
        "conversion_operator_declaration": "operator",
    },
)
_RUBY = Grammar(
    defines=_table(method="method singleton_method", module="module", **{"class": "class"}),
    leads=_words("comment"),
    calls=_words("call"),
    types=_words("constant"),
    bases=_words("superclass"),
)
_PHP = Grammar(
    defines=_table(
        function="function_definition",
        method="method_declaration",
        interface="interface_declaration",
        trait="trait_declaration",
        enum="enum_declaration",
        **{"class": "class_declaration"},
    ),
    leads=_words("comment"),
    calls=_words(
        "function_call_expression member_call_expression nullsafe_member_call_expression"
        " scoped_call_expression object_creation_expression"
    ),
    imports=_words("namespace_use_declaration"),
    types=_words("named_type"),
    bases=_words("base_clause class_interface_clause"),
    anonymous=_words("anonymous_function arrow_function"),
    named_by={"assignment_expression": ("left", "right")},
)
_KOTLIN = Grammar(
    defines=_table(
        function="function_declaration",
        property="getter setter",
        constructor="secondary_constructor",
        initializer="anonymous_initializer",
        object="object_declaration companion_object",
        **{"class": "class_declaration"},
    ),
    leads=_words("line_comment multiline_comment"),
    calls=_words("call_expression constructor_invocation"),
    imports=_words("import_header"),
    types=_words("type_identifier"),
    bases=_words("delegation_specifier"),
    anonymous=_words("lambda_literal anonymous_function"),
    fixed={
        "anonymous_initializer": "init",
        "secondary_constructor": "constructor",
        "companion_object": "Companion",
    },
    named_by={"property_declaration": ("", "")},  # to the accessors that follow it
    family="jvm",
)
_SWIFT = Grammar(
    defines=_table(
        function="function_declaration protocol_function_declaration",
        initializer="init_declaration deinit_declaration",
        property="subscript_declaration",
        protocol="protocol_declaration",
        **{"class": "class_declaration"},
    ),
    leads=_words("comment multiline_comment"),
    calls=_words("call_expression"),
    imports=_words("import_declaration"),
    types=_words("type_identifier"),
    bases=_words("inheritance_specifier"),
    anonymous=_words("lambda_literal computed_property willset_didset_block"),
    fixed={
        "init_declaration": "init",
        "deinit_declaration": "deinit",
        "subscript_declaration": "subscript",
    },
    named_by={"property_declaration": ("name", "computed_value")},
)
GRAMMARS: dict[str, Grammar] = {
    "python": _PYTHON, "javascript": _JAVASCRIPT, "typescript": _TYPESCRIPT, "tsx": _TSX,
    "go": _GO, "java": _JAVA, "rust": _RUST, "c": _C, "cpp": _CPP, "csharp": _CSHARP,
    "ruby": _RUBY, "php": _PHP, "kotlin": _KOTLIN, "swift": _SWIFT,
}  # fmt: skip


def family_of(language: str) -> str:
    """Give what is the same for languages that call each other's functions by name."""
    return GRAMMARS[language].family or language
