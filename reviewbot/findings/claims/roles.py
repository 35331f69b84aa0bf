"""No input; out comes what a name does, by the kind of node above it: tables of data.

The kinds and fields are those of the tree-sitter grammars. What stands in no table is claimed to
be nothing, so a row that is missing costs a refutation and never makes a wrong one.
"""


def words(text: str) -> frozenset[str]:
    """Part a text at its blanks."""
    return frozenset(text.split())


ANY = ""
BINDS: dict[str, str] = {
    # a kind of node, and the fields of it that give a name its meaning; `ANY` is every child
    "function_definition": "name declarator", "class_definition": "name", "assignment": "left",
    "named_expression": "name", "for_statement": "left", "for_in_clause": "left",
    "as_pattern": "alias", "parameters": ANY, "lambda_parameters": ANY,
    "default_parameter": "name", "typed_default_parameter": "name", "typed_parameter": ANY,
    "variable_declarator": "name", "function_declaration": "name",
    "generator_function_declaration": "name", "class_declaration": "name",
    "abstract_class_declaration": "name", "interface_declaration": "name",
    "enum_declaration": "name", "type_alias_declaration": "name", "formal_parameters": ANY,
    "required_parameter": "pattern", "optional_parameter": "pattern",
    "arrow_function": "parameter",
    "catch_clause": "parameter", "for_in_statement": "left",
    "parameter_declaration": "name declarator",
    "variadic_parameter_declaration": "name", "short_var_declaration": "left", "var_spec": "name",
    "const_spec": "name", "type_spec": "name", "range_clause": "left",
    "method_declaration": "name", "record_declaration": "name", "formal_parameter": "name",
    "catch_formal_parameter": "name", "enhanced_for_statement": "name", "resource": "name",
    "inferred_parameters": ANY, "parameter": "name pattern", "foreach_statement": "left",
    "property_declaration": "name", "struct_declaration": "name", "catch_declaration": "name",
    "local_function_statement": "name", "function_item": "name", "let_declaration": "pattern",
    "struct_item": "name", "enum_item": "name", "trait_item": "name", "type_item": "name",
    "const_item": "name", "static_item": "name", "mod_item": "name", "macro_definition": "name",
    "closure_parameters": ANY, "for_expression": "pattern", "function_declarator": "declarator",
    "init_declarator": "declarator", "declaration": "declarator",
    "field_declaration": "declarator name",
    "for_range_loop": "declarator", "preproc_def": "name", "preproc_function_def": "name",
    "enumerator": "name", "method": "name", "class": "name", "module": "name",
    "method_parameters": ANY, "block_parameters": ANY, "keyword_parameter": "name",
    "simple_parameter": "name", "class_parameter": ANY, "variable_declaration": ANY,
    "function_value_parameters": ANY,
}  # fmt: skip
READS: dict[str, str] = {
    "call": "function receiver", "call_expression": "function", "method_invocation": "object",
    "invocation_expression": "function", "argument_list": ANY, "arguments": ANY,
    "argument": ANY, "value_argument": "value", "binary_expression": ANY,
    "binary_operator": ANY, "boolean_operator": ANY, "comparison_operator": ANY,
    "unary_expression": ANY, "not_operator": ANY, "unary_operator": ANY,
    "return_statement": ANY, "return_expression": ANY, "member_expression": "object",
    "attribute": "object", "selector_expression": "operand", "field_access": "object",
    "field_expression": "value argument", "subscript": "value subscript",
    "subscript_expression": "object index argument", "index_expression": "operand index",
    "interpolation": ANY, "template_substitution": ANY, "await": ANY, "await_expression": ANY,
    "spread_element": ANY, "list_splat": ANY, "dictionary_splat": ANY, "pair": "value",
    "assignment": "right", "assignment_expression": "right", "augmented_assignment": "right",
    "variable_declarator": "value", "init_declarator": "value", "let_declaration": "value",
    "keyword_argument": "value", "jsx_expression": ANY, "jsx_opening_element": "name",
    "jsx_self_closing_element": "name", "decorator": ANY, "list": ANY, "array": ANY,
    "dictionary": ANY, "if_statement": "condition", "while_statement": "condition",
    "generic_type": ANY, "type_arguments": ANY, "new_expression": "constructor",
    "object_creation_expression": "type", "type_annotation": ANY, "ternary_expression": ANY,
    "conditional_expression": ANY, "export_specifier": "name", "reference_expression": ANY,
    "raise_statement": ANY, "throw_statement": ANY, "extends_clause": "value",
    "implements_clause": ANY, "super_interfaces": ANY, "type_list": ANY, "type": ANY,
    "variadic_argument": ANY, "go_statement": ANY, "field_initializer": "value",
    "shorthand_field_initializer": ANY, "literal_element": ANY, "range_clause": "right",
    "composite_literal": "type", "pointer_type": ANY, "scoped_identifier": "path",
    "function_call_expression": "function", "member_access_expression": "object expression",
    "member_call_expression": "object", "lambda_capture_specifier": ANY,
}  # fmt: skip
MEMBERS: dict[str, str] = {
    "attribute": "attribute", "member_expression": "property", "selector_expression": "field",
    "field_access": "field", "field_expression": "field", "keyword_argument": "name",
    "pair": "key", "pair_pattern": "key", "navigation_suffix": ANY, "method_definition": "name",
    "public_field_definition": "name", "field_definition": "property", "property_signature": "name",
    "member_access_expression": "name", "field_initializer": "field",
    "value_argument_label": ANY,
}  # fmt: skip
FREE = {"method_invocation": ("name", "object"), "call": ("method", "receiver")}
"""Calls whose name is a member only where something stands before the dot."""
ASSIGNS = words("assignment_expression assignment_statement augmented_assignment")
WRAPS = words(
    "pattern_list tuple_pattern list_pattern list_splat_pattern dictionary_splat_pattern"
    " expression_list object_pattern array_pattern rest_pattern as_pattern_target"
    " assignment_pattern pair_pattern pointer_declarator array_declarator reference_declarator"
    " mut_pattern ref_pattern variable_name pattern parenthesized_expression"
    " object_assignment_pattern tuple expression_statement_list dotted_name"
)
IMPORTS = words(
    "import_statement import_from_statement import_declaration import_header use_declaration"
    " using_directive namespace_use_declaration import_list future_import_statement"
)
FUNCTIONS = words(
    "function_definition function_declaration generator_function_declaration function_expression"
    " arrow_function method_definition method_declaration func_literal constructor_declaration"
    " lambda_expression local_function_statement function_item closure_expression method"
    " singleton_method anonymous_function anonymous_function_creation_expression lambda"
    " lambda_literal init_declaration do_block"
    " list_comprehension set_comprehension dictionary_comprehension generator_expression"
    " secondary_constructor compact_constructor_declaration"
)
CLASSES = words(
    "class_definition class_declaration class abstract_class_declaration interface_declaration"
    " enum_declaration record_declaration impl_item trait_item struct_specifier class_specifier"
    " object_declaration struct_declaration module struct_item trait_declaration mod_item"
    " companion_object struct_type interface_type namespace_definition internal_module"
)
BLOCKS = words(
    "block statement_block compound_statement if_statement try_statement for_statement"
    " while_statement with_statement switch_case case_clause elif_clause else_clause"
    " except_clause catch_clause finally_clause match_arm preproc_if preproc_ifdef statements"
    " control_structure_body body_statement then do for_in_statement enhanced_for_statement"
    " switch_statement match_expression expression_case default_case"
)
