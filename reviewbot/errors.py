"""The exception tree: an error's type says who acts on it, its text says what to do.

`InputError`s are the caller's to mend, `ServerError`s the model server's, `GitHubError`s those of
GitHub or of the App's installation. Only `TemporaryError`, `GitHubTemporaryError` and `FetchError`
are worth another try.
"""


class ReviewbotError(Exception):
    """Base of every error this program raises on purpose; its text is one line for a person."""


class InputError(ReviewbotError):
    """What was handed in cannot be used: a source, a diff, an option."""


class DiffError(InputError):
    """The text is not a diff at all."""


class SettingsError(InputError):
    """A setting is unknown, malformed or missing; the text names it, never its value."""


class GitError(InputError):
    """git could not give the diff that was asked for."""


class FetchError(GitError):
    """git could not fetch from the forge; another try may do."""


class ReaderGoneError(ReviewbotError):
    """Nobody reads standard output any more, as behind `| head`; there is nobody to tell."""


class ModelUnavailableError(ReviewbotError):
    """No model can be used: the extra, the file or the consent to download it is missing."""


class ServerError(ReviewbotError):
    """The model server cannot be used as it is; asking again changes nothing."""


class SchemaNotEnforcedError(ServerError):
    """The server ignores the schema it is sent, so its answers could not be trusted."""


class TooLongError(ServerError):
    """The server counts more tokens in the request than it reads."""


class RefusedError(ServerError):
    """The server does not let this key in; no call of the review can go well."""


class TemporaryError(ServerError):
    """The server failed in a way that another try may mend."""


class UnreachableError(TemporaryError):
    """Nothing answers at the address, or the connection broke."""


class OverloadedError(TemporaryError):
    """The server has more calls than it takes; the caller should send fewer at once."""


class GitHubError(ReviewbotError):
    """GitHub does not do what it is asked; asking again changes nothing."""


class GitHubDeniedError(GitHubError):
    """Credentials are wrong or a permission is missing; the text names it."""


class GitHubGoneError(GitHubError):
    """The repository, pull request or installation is not there, or not any more."""


class GitHubInvalidError(GitHubError):
    """GitHub refuses the content of a request; `messages` are its reasons."""

    def __init__(self, text: str, messages: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.messages = messages


class GitHubTemporaryError(GitHubError):
    """GitHub failed, or its answer was lost: whether a write happened is not known."""


class GitHubLimitError(GitHubTemporaryError):
    """GitHub, or our own pace, wants us to wait this many `seconds`; nothing was written."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class PersonsDraftError(GitHubError):
    """A person's draft review stands where ours would go; it is theirs, so nothing is posted."""


class DatabaseError(ReviewbotError):
    """The service's database cannot be used; the text says what to do.

    `unreachable` where nothing of it works now: locked, full, down.
    """

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


class BrokerError(ReviewbotError):
    """The message broker cannot be started or reached; the text says what to do."""
