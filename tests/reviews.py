"""Reviews as the engine makes them, for the tests of the report formats."""

from reviewbot.diff.hunks import Line
from reviewbot.diff.triage import NotReviewed
from reviewbot.findings.finding import Finding
from reviewbot.findings.review import Coverage, Review, ReviewedChunk, ReviewedFile, Usage

FILES = (
    ReviewedFile("app/orders.py", None, "modified", 88, 12),
    ReviewedFile("web/src/cart.ts", "web/src/basket.ts", "renamed", 61, 9),
    ReviewedFile("app/legacy.py", None, "deleted", 0, 18),
    ReviewedFile("app/pool.py", None, "modified", 24, 0),
    ReviewedFile("package-lock.json", None, "modified", 1, 1),
    ReviewedFile("docs/logo.png", None, "added", 0, 0),
)
CHUNKS = (
    ReviewedChunk("app/orders.py", (("RIGHT", 12, 99), ("LEFT", 12, 23)), 2710, exact=True),
    ReviewedChunk("web/src/cart.ts", (("RIGHT", 1, 61), ("LEFT", 40, 48)), 1904, exact=False),
    ReviewedChunk("app/legacy.py", (("LEFT", 1, 18),), 861, exact=False),
)
LOCK_FILE = NotReviewed("package-lock.json", None, "lock file", policy=True)
LOGO = NotReviewed("docs/logo.png", None, "binary", policy=True)
FAILED_CHUNK = NotReviewed(
    "app/pool.py",
    (("RIGHT", 40, 63),),
    "the model server did not answer within 120 s; try again, or raise REVIEWBOT_TIMEOUT",
    policy=False,
)
COMBINED = NotReviewed(
    "app/merge.py",
    None,
    "combined diff of a merge; review it against one parent, as in `git diff PARENT MERGE`",
    policy=False,
)


def right(number: int, text: str, sign: str = "+") -> Line:
    """Make a line of the new file, "+" for an added one and " " for a line of context."""
    return Line(" " if sign == " " else "+", text, number - 2, number)


def removed(number: int, text: str) -> Line:
    """Make a removed line."""
    return Line("-", text, number, number + 2)


INJECTION = Finding(
    path="app/orders.py",
    side="RIGHT",
    start_line=41,
    line=43,
    severity="critical",
    category="security",
    title="The order id goes into the SQL text as it comes",
    body=(
        "`order_id` is taken from the request, so a caller who sends `' OR 1=1 --` reads every "
        "order of every customer.\nLet the driver quote it:\n"
        "- pass the value as a parameter\n"
        "- and keep the statement a constant, so that the database can cache its plan as well"
    ),
    suggestion=(
        '    cursor.execute("SELECT * FROM orders WHERE id = %s", (order_id,))\n'
        "    row = cursor.fetchone()"
    ),
    source="model",
    excerpt=(
        right(39, "def find_order(connection, order_id):", " "),
        right(40, "    cursor = connection.cursor()", " "),
        right(41, "    cursor.execute("),
        right(42, "        f\"SELECT * FROM orders WHERE id = '{order_id}'\""),
        right(43, "    )"),
        right(44, "    return cursor.fetchone()", " "),
    ),
    right_line=43,
)
RACE = Finding(
    path="web/src/cart.ts",
    side="RIGHT",
    start_line=18,
    line=18,
    severity="major",
    category="concurrency",
    title="Two clicks in a row lose an item",
    body="`items` is read before the `await` and written after it: what the other call added "
    "between the two is overwritten.",
    suggestion=None,
    source="model",
    excerpt=(
        right(16, "export async function add(item: Item): Promise<void> {", " "),
        right(17, "\tconst items = await load();", " "),
        right(
            18,
            "\tawait save([...items, { ...item, addedAt: Date.now(), price: await price(item) }]);",
        ),
        right(19, "}", " "),
    ),
    right_line=18,
)
LOST_CLEANUP = Finding(
    path="web/src/cart.ts",
    side="LEFT",
    start_line=44,
    line=45,
    severity="major",
    category="resources",
    title="The listener is no longer removed",
    body="Each visit of the page now adds one more listener, and none goes away.",
    suggestion=None,
    source="model",
    excerpt=(
        right(52, "export function leave(): void {", " "),
        removed(44, '\twindow.removeEventListener("storage", onStorage);'),
        removed(45, "\ttimer.stop();"),
        right(53, "\tclose();", " "),
    ),
    right_line=52,
)
LONG_LOOP = Finding(
    path="app/orders.py",
    side="RIGHT",
    start_line=60,
    line=84,
    severity="minor",
    category="performance",
    title="One query for each line of the order",
    body="",
    suggestion=None,
    source="model",
    excerpt=(
        right(59, "for line in order.lines:", " "),
        *(right(number, f"    step_{number}(line)") for number in range(60, 85)),
        right(85, "", " "),
    ),
    right_line=84,
)
LEFT_OVER = Finding(
    path="app/orders.py",
    side="RIGHT",
    start_line=97,
    line=97,
    severity="minor",
    category="maintainability",
    title="A print from debugging stays in",
    body="It writes the customer's address to the log of the service.",
    suggestion="",
    source="ruff",
    excerpt=(
        right(96, "    total = order.total()\r", " "),
        right(97, "    print(order, order.customer.address)\r"),
        right(98, "    return total\r", " "),
    ),
    right_line=97,
)
HOSTILE = Finding(
    path="app/\x1b[2J evil`name`.py",
    side="RIGHT",
    start_line=7,
    line=7,
    severity="major",
    category="correctness",
    title="\x1b]0;owned\x07 # see ![x](http://evil.example/x.png)\r\n::error::<b>now</b> @someone",
    body=(
        "<script>alert(1)</script> <img src=x onerror=alert(1)> & \u202egnp.exe\u2066\n"
        "![x](http://evil.example/t.png) [click](javascript:alert(1)) https://evil.example "
        "www.evil.example mail@evil.example\n"
        "Ask @someone and @org/team, see other/repo#12; 100% `@safe` ``a`b`` and `open\n"
        "# Heading\n"
        "---\n"
        "```py\n"
        "````\n"
        "still \x9b31m code\r\n"
        "</details>\n"
        "\ufffd \ud800 \x00 end"
    ),
    suggestion="```\n::warning::x\n\x1b[31mred\r",
    source="model",
    excerpt=(
        right(6, "a = '\u202e'  # \x1b[31m", " "),
        right(7, "b = '``` ' + 'ＷＩＤＥ' * 9 + '" + "x" * 500 + "'"),
        right(8, "c = 1\r", " "),
    ),
    right_line=7,
)


def full_review() -> Review:
    """Every severity, two languages, both sides, suggestions, gaps, policy, hidden findings."""
    return Review(
        model="granite-4.1-3b",
        files=FILES,
        chunks=CHUNKS,
        findings=(INJECTION, LONG_LOOP, LEFT_OVER, RACE, LOST_CLEANUP),
        hidden_findings=3,
        not_reviewed=(FAILED_CHUNK, LOCK_FILE, LOGO, COMBINED),
        coverage=Coverage(changed_lines=214, reviewed_lines=188),
        usage=Usage(
            calls=5,
            prompt_tokens=5475,
            completion_tokens=611,
            cached_tokens=2048,
            dropped_findings=1,
        ),
        went_without=("shellcheck: did not end within 20 s",),
    )


def clean_review() -> Review:
    """Nothing found; a lock file is left out."""
    return Review(
        model="granite-4.1-3b",
        files=(FILES[0], FILES[4]),
        chunks=CHUNKS[:1],
        findings=(),
        hidden_findings=0,
        not_reviewed=(LOCK_FILE,),
        coverage=Coverage(changed_lines=102, reviewed_lines=100),
        usage=Usage(calls=2, prompt_tokens=2710, completion_tokens=12),
    )


def hostile_review() -> Review:
    """Everything that comes from the diff or the model tries to get out of its place."""
    return Review(
        model="granite-4.1-3b",
        files=(ReviewedFile(HOSTILE.path, None, "modified", 3, 0),),
        chunks=(ReviewedChunk(HOSTILE.path, (("RIGHT", 6, 8),), 300, exact=True),),
        findings=(HOSTILE,),
        hidden_findings=0,
        not_reviewed=(
            NotReviewed(
                "a\n::error::b,c:d%0A.py", (("LEFT", 3, 3),), "broken\x1b[1m", policy=False
            ),
        ),
        coverage=Coverage(changed_lines=4, reviewed_lines=3),
        usage=Usage(calls=2),
    )


def empty_review() -> Review:
    """An empty diff."""
    return Review(
        model=None,
        files=(),
        chunks=(),
        findings=(),
        hidden_findings=0,
        not_reviewed=(),
        coverage=Coverage(changed_lines=0, reviewed_lines=0),
        usage=Usage(),
    )


def plan() -> Review:
    """What `--plan` knows: chunks and exclusions, no model and no findings."""
    return Review(
        model=None,
        files=FILES,
        chunks=CHUNKS,
        findings=(),
        hidden_findings=0,
        not_reviewed=(LOCK_FILE, LOGO, COMBINED),
        coverage=Coverage(changed_lines=214, reviewed_lines=212),
        usage=Usage(),
    )
