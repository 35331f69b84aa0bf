"""No input; out comes how claims are worded that a look-up can refute: tables of data."""

from typing import Literal

Kind = Literal[
    "undefined", "undefined value", "not imported", "unused", "duplicate", "never called",
    "not awaited", "not closed", "unchecked",
]  # fmt: skip
"""An "undefined value" may be what JavaScript calls so, which says nothing of a definition."""

NAME = "(\ue000[0-9]+\ue001)"
LIST = f"({NAME[1:-1]}(?:(?:,? and |,? or |, ?){NAME[1:-1]})*)"
NOUN = (
    "(?:variable|function|method|import|parameter|argument|name|symbol|identifier|class|constant"
    "|type|module|package|property|field|helper|macro|struct|interface|enum|hook|component"
    "|member|dependency|library|header|local|key|entry|definition|declaration|export)s?"
)
_NOT = "(?:is|are|was|were)(?: not| never|n't|n’t)(?: actually| even)?"
_BE = "(?:is|are|was|were|appears to be|seems to be|seems|appears|remains|goes)"
_MADE = (
    "(?:defined|declared|imported|added|assigned|created|introduced|set|initiali[sz]ed|computed)"
)
_UNKNOWN = "(?:undefined|undeclared|unresolved|unknown|non-?existent)"
_USED = "(?:used|referenced|called)"
_READ = "(?:used|read|referenced)"
_BUT = "but (?:is |it is |it's |are |its value is )?(?:never|not)"
_AGAIN = "(?:twice|more than once|multiple times|again)"
_OPEN = "(?:resource|file|handle|connection|file handle|file descriptor|socket)"
_NIL = r"(?:null|nil|none|undefined|nullptr)"

PHRASES: tuple[tuple[Kind, str], ...] = (
    # N: one name or several; T: a noun like "variable"; a phrase stands in one sentence
    ("undefined", f"N {_NOT} (?:defined|declared)"),
    ("undefined", "N (?:has|have) (?:not|never) been (?:defined|declared)"),
    ("undefined", f"N (?:is|are) {_USED} but (?:{_NOT}|not|never) (?:defined|declared)"),
    ("undefined", "N (?:used|referenced) but (?:not|never) (?:defined|declared)"),
    ("undefined", "N is an? (?:undefined|undeclared|unresolved|unknown) T"),
    ("undefined", "N (?:is|are) (?:undeclared|unresolved|no longer defined)"),
    ("undefined", f"{_UNKNOWN} (?:T|reference)(?: to)?:? N"),
    ("undefined", "(?:undeclared|unresolved):? N"),
    ("undefined", "T N (?:does not|doesn't|do not|don't) exist"),
    ("undefined value", "N (?:is|are) undefined"),
    ("undefined value", "undefined:? N"),
    ("not imported", f"N {_NOT} imported"),
    ("not imported", "N (?:has|have) (?:not|never) been imported"),
    ("not imported", f"N (?:is|are) {_USED} but (?:{_NOT}|not|never) imported"),
    ("not imported", "N (?:is |are )?used without (?:being imported|importing it|an import)"),
    ("not imported", "missing (?:the )?imports?(?: statements?)?(?: for| of)?(?: the)?(?: T)?:? N"),
    ("not imported", "missing N imports?"),
    ("not imported", "(?:import|import of|import for|import statement for) N is missing"),
    ("not imported", "N import is missing"),
    ("not imported", "forgot to import N"),
    ("unused", f"N {_BE} unused"),
    ("unused", f"N {_NOT} (?:used|read|referenced|accessed)"),
    ("unused", "N is no longer (?:used|referenced)"),
    ("unused", f"N (?:{_BE} )?{_MADE} {_BUT} {_READ}"),
    ("unused", f"N (?:{_BE} )?{_MADE} but unused"),
    ("unused", "unused(?: local| private)?(?: T)?(?: T)?:? N"),
    ("unused", "dead (?:T|code):? N"),
    ("duplicate", "duplicated? T(?: T)?(?: of| for| named)?:? N"),
    ("duplicate", f"N (?:is|are) (?:defined|declared|imported) {_AGAIN}"),
    ("duplicate", "N (?:is|are) already (?:defined|declared|imported)"),
    ("duplicate", "N (?:is|are) (?:re-?defined|re-?declared)"),
    ("duplicate", "N is a duplicate T"),
    ("duplicate", "(?:redefinition|redeclaration|multiple definitions) of(?: T)? N"),
    ("never called", "N (?:is|are) never (?:called|invoked)"),
    ("never called", f"N (?:{_BE} )?{_MADE} but (?:is |it is )?never (?:called|invoked)"),
    ("never called", "(?:nothing|nobody|no code|no one) (?:ever )?(?:calls|invokes) N"),
    ("never called", "uncalled T N"),
    ("not awaited", f"N {_NOT} awaited"),
    ("not awaited", "N (?:is )?(?:called )?without (?:being awaited|await|awaiting)"),
    ("not awaited", "(?:missing|forgotten) await(?: on| for| before)?(?: the)?(?: call to)? N"),
    ("not awaited", "(?:missing|forgotten) await(?: keyword)?"),
    ("not closed", f"N {_NOT} (?:properly )?(?:closed|released|disposed)"),
    ("not closed", f"{_OPEN} leak(?: of|: | in)? ?N"),
    ("not closed", "(?:resource|file|file handle|file descriptor) leak"),
    ("not closed", "file (?:handle |descriptor |object )?(?:is )?(?:never|not) closed"),
    ("unchecked", f"N {_NOT} checked (?:for|against) {_NIL}"),
    ("unchecked", f"(?:missing|no) {_NIL}[ -]?check (?:for|on|of) N"),
    ("unchecked", f"N (?:is )?(?:dereferenced|{_USED}) without (?:a |any )?{_NIL}[ -]?check(?:s)?"),
)  # fmt: skip
"""How a claim is worded. The first that fits a sentence is taken, the longest first by place."""

ABOUT: dict[str, str] = {
    "undefined": r"undefin|undeclar|nameerror|referenceerror|unresolved|compil|not defined",
    "undefined value": r"undefin|undeclar|nameerror|referenceerror|unresolved|compil|not defined",
    "not imported": r"import|nameerror|referenceerror|undefin|compil",
    "unused": r"unused|dead|never used|not used|cleanup|unnecessary",
    "duplicate": r"duplicat|redefin|twice|redeclar",
    "never called": r"never called|unused|dead",
    "not awaited": r"await|async|coroutine",
    "not closed": r"leak|clos|resource",
    "unchecked": r"null|nil|none|check",
}
"""What a title says whose body may hold the claim."""
