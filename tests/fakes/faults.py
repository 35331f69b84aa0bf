"""What can go wrong with a call: a fault and whom it hits in, for each call its fault out."""

from dataclasses import dataclass
from http import HTTPStatus

from tests.fakes.answers import Script, printed_lines
from tests.fakes.wire import JSON, Reply, text_reply


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error, written in the body that this kind of server would write."""

    status: int
    error_type: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Slow:
    """The right answer, this many seconds late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Frozen:
    """No answer until the client leaves or the server is closed."""


@dataclass(frozen=True, slots=True)
class DroppedMidBody:
    """Half of the announced body, then the connection closes."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A TCP reset instead of an answer."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Status 200 with a body that is not the answer: broken JSON, or JSON of another shape."""

    content: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Another script answers this call, enforced or not."""

    script: Script


Fault = Refusal | Slow | Frozen | DroppedMidBody | Reset | Raw | Answers

OVERLOADED = Refusal(429, "overloaded", "Model is overloaded")
INVALID = Refusal(422, "validation", "Input validation error: `inputs` cannot be empty")
TEMPLATE_ERROR = Refusal(422, "template_error", "Template error: template not found")
TOOL_ERROR = Refusal(422, "tool_error", "Tool error: Grammar and tools are mutually exclusive")
MISSING_VARIABLE = Refusal(422, "missing_template_variable", "Missing template vatiable: guideline")
NOT_DESERIALIZED = Refusal(
    422,
    "",
    "Failed to deserialize the JSON body into the target type: "
    "response_format: missing field `value` at line 1 column 99",
)
GENERATION_FAILED = Refusal(
    424, "generation", "Request failed during generation: Server error: CUDA out of memory"
)
INCOMPLETE = Refusal(500, "incomplete_generation", "Incomplete generation")
SERVER_ERROR = Refusal(500)
BAD_GATEWAY = Refusal(502)
UNAVAILABLE = Refusal(503)
GATEWAY_TIMEOUT = Refusal(504)
UNAUTHORIZED = Refusal(401)
TOO_LARGE = Refusal(413)
FROZEN = Frozen()
DROPPED_MID_BODY = DroppedMidBody()
RESET = Reset()
INVALID_JSON = Raw('{"object":"chat.completion","choices":[{"index":0,"message":{"role"')
NO_CHOICES = Raw('{"object":"chat.completion","choices":[]}')


def proxy_page(status: int) -> Reply:
    """What a proxy in front of the server writes when it cannot reach it."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>{title}</body>\r\n</html>\r\n"
    return text_reply(status, page, "text/html")


@dataclass(slots=True)
class Rule:
    """Which calls a fault hits: the first `left` ones (None: all) that it is meant for.

    Those whose messages contain a text; with `reviews` only those that show lines of a diff.
    """

    fault: Fault
    left: int | None
    containing: str
    reviews: bool

    def hits(self, request: JSON) -> bool:
        said = "\n".join(str(message["content"]) for message in request["messages"])
        meant = self.containing in said and (not self.reviews or bool(printed_lines(request)))
        if self.left == 0 or not meant:
            return False
        if self.left is not None:
            self.left -= 1
        return True
