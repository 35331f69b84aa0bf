"""A scripted model with known bugs and known false alarms: how good the stages are, exactly.

Each pull request is one file, `pull/N.py`. Its matters stand on lines that follow each other. A
pass finds each bug and each systematic false alarm with `HIT`, and makes up `ONE_OFFS` more; it
words what it says anew and puts it up to two lines away. The judge's log-odds are Gaussian,
drawn once for each matter.
"""

import math
import random
import re
from dataclasses import dataclass, field

from tests.fakes.answers import Answer, PrintedLine, dumps, printed_lines
from tests.fakes.wire import JSON

GOLDENS = (
    0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 8, 8, 8, 9,
    10, 10, 18,
)  # fmt: skip
"""Bugs in each of 34 real pull requests: what is counted of them, and nothing else."""
CLEAN = 6
HIT = 0.4
ONE_OFFS = 2
SYSTEMATIC = 4
LINES = 40
"""Of each pull request: room for its matters and for what is put beside them."""

CATEGORIES = (
    "correctness", "security", "concurrency", "resources", "errors", "performance", "contract",
    "maintainability",
)  # fmt: skip
_TOPICS = (
    "timeout retry backoff socket latency", "cursor query rows transaction commit",
    "currency rounding cents ledger invoice", "thread lock deadlock mutex race",
    "path traversal folder symlink escape", "token expiry session cookie login",
    "index offset boundary slice overflow", "encoding bytes utf8 surrogate decode",
    "cache key collision stale eviction", "header proxy redirect host origin",
    "timezone midnight calendar leap clock", "parser quote escape delimiter newline",
    "null missing optional default fallback", "listener callback unsubscribe leak handle",
    "permission role admin owner tenant", "sort stable comparator order duplicate",
)  # fmt: skip
_NOUNS = ("total", "count", "limit", "owner", "buffer", "window", "batch", "order", "state", "slot")
_VERBS = ("load", "merge", "apply", "resolve", "update", "fetch", "drop", "check", "send", "pick")
_OPENINGS = (
    "When {trigger}, `{name}` {failure}", "`{name}` {failure} if {trigger}",
    "{failure_cap}: `{name}` and {trigger}", "Missing care for {trigger} in `{name}`",
)  # fmt: skip
_FAILURES = ("goes wrong", "gives the wrong result", "breaks", "ends in an error", "is off")


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that may be said of a pull request, on a line of its own."""

    pull: int
    name: str
    line: int
    words: tuple[str, ...]
    category: str
    right: bool
    log_odds: float


@dataclass
class Scripted:
    """The model, and the memory of what it said: `matters` by the words of a finding's title.

    `separation` is the judge's d': 1.68 is right 80 % of the time.
    """

    seed: int
    separation: float = 1.68
    matters: dict[str, Matter] = field(default_factory=dict)
    pulls: dict[int, tuple[Matter, ...]] = field(default_factory=dict)

    def __call__(self, request: JSON) -> Answer:
        if request.get("logprobs"):
            return self._judge(request)
        return self._find(request)

    def diff(self) -> str:
        """All pull requests as one diff, a file each."""
        counts = (*GOLDENS, *([0] * CLEAN))
        return "".join(self._file(number, goldens) for number, goldens in enumerate(counts))

    def _file(self, number: int, goldens: int) -> str:
        chance = random.Random(f"{self.seed} {number}")
        right = [True] * goldens + [False] * SYSTEMATIC
        chance.shuffle(right)
        self.pulls[number] = tuple(
            self._matter(number, line, chance, right=one) for line, one in enumerate(right, 3)
        )
        names = {matter.line: matter.name for matter in self.pulls[number]}
        code = [f"+    value_{n} = {names.get(n, f'step_{n}')}({n})" for n in range(1, LINES + 1)]
        path = f"pull/{number}.py"
        head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
        return head + f"@@ -0,0 +1,{LINES} @@\n" + "\n".join(code) + "\n"

    def _matter(self, pull: int, line: int, chance: random.Random, *, right: bool) -> Matter:
        name = f"{chance.choice(_VERBS)}_{chance.choice(_NOUNS)}_{chance.randrange(100)}"
        words = tuple(chance.sample(chance.choice(_TOPICS).split(), 4))
        middle = self.separation / 2 if right else -self.separation / 2
        odds = chance.gauss(middle, 1) * self.separation
        return Matter(pull, name, line, words, chance.choice(CATEGORIES), right, odds)

    def _find(self, request: JSON) -> Answer:
        lines = printed_lines(request)
        number = pull_of(request)
        chance = random.Random(f"{self.seed} {number} look {request['seed']}")
        said = [matter for matter in self.pulls[number] if chance.random() < HIT]
        said += [
            self._matter(number, chance.randint(3, LINES - 3), chance, right=False)
            for _ in range(ONE_OFFS)
        ]
        chance.shuffle(said)
        return Answer(dumps({"findings": [self._word(one, lines, chance) for one in said]}))

    def _word(self, matter: Matter, lines: tuple[PrintedLine, ...], chance: random.Random) -> JSON:
        """Word a matter anew: three of its four words, its name nearly always, a line near it."""
        first, second, third = chance.sample(matter.words, 3)
        failure = chance.choice(_FAILURES)
        named = matter.name if chance.random() < 0.9 else f"value_{matter.line}"
        title = chance.choice(_OPENINGS).format(
            trigger=f"the {first} {second}", name=named, failure=failure,
            failure_cap=failure.capitalize(),
        )  # fmt: skip
        at = min(max(matter.line + chance.choice((-2, -1, 0, 0, 0, 1, 2)), 1), len(lines)) - 1
        same = chance.random() < 0.7
        title += f" ({chance.randrange(10**9)})"
        self.matters[title] = matter
        return {
            "start": lines[at].id,
            "end": lines[min(at + chance.choice((0, 0, 1)), len(lines) - 1)].id,
            "severity": chance.choice(("critical", "major", "minor")),
            "category": matter.category if same else chance.choice(CATEGORIES),
            "title": title,
            "body": [f"The {third} then is lost, and the caller sees it {failure}."],
            "suggestion": [],
        }

    def _judge(self, request: JSON) -> Answer:
        claim = str(request["messages"][-1]["content"]).rpartition("<claim>\n")[2]
        title = re.split(r"^Lines? \S+(?: to \S+)?: ", claim.split("\n")[0], maxsplit=1)[1]
        yes = 1 / (1 + math.exp(-self.matters[title].log_odds))
        chances = ((("Yes", math.log(yes)), ("No", math.log1p(-yes))),)
        return Answer("Yes" if yes > 0.5 else "No", "length", chances)


def pull_of(request: JSON) -> int:
    found = re.search(r"^File: pull/(\d+)\.py$", request["messages"][-1]["content"], re.MULTILINE)
    assert found is not None
    return int(found[1])
