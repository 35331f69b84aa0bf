"""The review is posted once: every order of events, with the real code at each step.

A worker is the list of the answers it got so far: it is run again from its start with these, up to
the next thing it wants from GitHub. So states are values, and all that can be reached are visited.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reviewbot.errors import (
    GitHubDeniedError,
    GitHubError,
    GitHubGoneError,
    GitHubInvalidError,
    GitHubLimitError,
    GitHubTemporaryError,
    PersonsDraftError,
)
from reviewbot.github.app import App
from reviewbot.github.client import GitHub, personal
from reviewbot.github.comments import Comment, Draft
from reviewbot.github.marker import Mark, marker_key, render_marker
from reviewbot.github.posting import FAILURES, NotMine, Posted, PostedReview, post_once
from reviewbot.settings import Secret
from tests.fakes.forge import FakeGitHub, Pull
from tests.fakes.forge.faults import (
    BAD_GATEWAY,
    NO_ANSWER,
    NO_PERMISSION,
    PRIMARY,
    SECONDARY,
    SECONDARY_AFTER,
    TOO_MANY,
    TOO_MANY_AFTER,
    When,
)
from tests.fakes.forge.state import APP_ID, BOT
from tests.fakes.wire import Reply

ME = "reviewbot[bot]"
KEY = marker_key("a secret")
OLD = Mark(repository_id=7, number=12, base="main", head="a" * 40, run=0)
NEW = replace(OLD, head="b" * 40)
BODIES = {mark: f"A review.\n{render_marker(mark, KEY)}" for mark in (OLD, NEW)}


def draft(mark: Mark) -> Draft:
    return Draft(commit_id=mark.head, body=BODIES[mark], comments=())


# GitHub, as far as reviews go: a value, and what each request makes of it


@dataclass(frozen=True)
class Review:
    id: int
    mark: Mark | None
    submitted: bool = False


@dataclass(frozen=True)
class Hub:
    reviews: tuple[Review, ...] = ()
    made: int = 0

    def pending(self) -> Review | None:
        return next((one for one in self.reviews if not one.submitted), None)

    def submitted(self, mark: Mark) -> int:
        return sum(one.submitted and one.mark == mark for one in self.reviews)


Effect = tuple[str, Any]
Answer = Any
"""What a request gives: a value, or the name of an error."""


def applied(hub: Hub, effect: Effect) -> tuple[Hub, Answer]:
    """Do what a request asks for; gives GitHub afterwards and its answer."""
    match effect:
        case ("list", _):
            return hub, hub.reviews
        case ("create", mark) if hub.pending() is None:
            made = Review(hub.made + 1, mark)
            return Hub((*hub.reviews, made), hub.made + 1), made.id
        case ("create", _):
            return hub, "taken"
    found = next((one for one in hub.reviews if one.id == effect[1]), None)
    match effect, found:
        case _, None:
            return hub, "gone"
        case _, Review(submitted=True):
            return hub, "invalid"
        case ("submit", _), Review():
            rest = tuple(
                replace(one, submitted=True) if one is found else one for one in hub.reviews
            )
        case _:
            rest = tuple(one for one in hub.reviews if one is not found)
    return replace(hub, reviews=rest), None


ERRORS: dict[str, GitHubError] = {
    "taken": GitHubInvalidError(
        "refused", ("User can only have one pending review per pull request",)
    ),
    "invalid": GitHubInvalidError("refused", ("not pending",)),
    "gone": GitHubGoneError("not found"),
    "lost": GitHubTemporaryError("502"),
}


# One worker, up to the next thing that it wants


class WantsError(BaseException):
    """The worker has used up its answers, and wants this."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect


@dataclass
class Replayed:
    """GitHub, and the job's table, as one worker remembers them."""

    mark: Mark
    answers: Iterator[Answer]

    def ask(self, *effect: Any) -> Any:
        for answer in self.answers:
            if isinstance(answer, str):
                raise ERRORS[answer]
            return answer
        raise WantsError((effect[0], effect[1]))

    def list(self) -> tuple[PostedReview, ...]:
        return tuple(
            PostedReview(one.id, ME, BODIES.get(one.mark, "mine, by hand"), one.submitted)
            for one in self.ask("list", None)
        )

    def create_pending(self, _: Draft) -> int:
        return int(self.ask("create", self.mark))

    def submit(self, review_id: int) -> None:
        self.ask("submit", review_id)

    def delete_pending(self, review_id: int) -> None:
        self.ask("delete", review_id)

    def still_mine(self) -> bool:
        return bool(self.ask("mine", None))


Wanted = Effect | Posted | NotMine | None


Post = Callable[[Mark, Replayed], Posted | NotMine]


def post(mark: Mark, hub: Replayed) -> Posted | NotMine:
    return post_once(draft(mark), mark, (KEY,), hub, ME, hub.still_mine)


@cache
def advance(post: Post, mark: Mark, answers: tuple[Answer, ...]) -> Wanted:
    """Run the code on the answers so far; None: it ended with an error."""
    try:
        return post(mark, Replayed(mark, iter(answers)))
    except WantsError as wants:
        return wants.effect
    except GitHubError:
        return None


# All workers together


@dataclass(frozen=True)
class Budget:
    """How much may go wrong in one course of events."""

    crashes: int = 0
    lost: int = 0
    stale: int = 0
    restarts: int = 2


@dataclass(frozen=True)
class Worker:
    mark: Mark
    post: Post = post
    answers: tuple[Answer, ...] = ()

    @property
    def wants(self) -> Wanted:
        return advance(self.post, self.mark, self.answers)

    @property
    def afresh(self) -> "Worker":
        return replace(self, answers=())

    def told(self, answer: Answer) -> "Worker":
        return replace(self, answers=(*self.answers, answer))


@dataclass(frozen=True)
class World:
    hub: Hub
    workers: tuple[Worker, ...]
    budget: Budget
    claims: tuple[int, ...]
    """The worker that holds the job now, and those that will; with none, each believes it does."""
    late: tuple[Effect, ...] = ()
    before: tuple[Hub, ...] = ()
    waits: bool = False
    """After an unclean end, and after a claim, the next one waits longer than lists lag."""

    def with_worker(self, place: int, worker: Worker) -> "World":
        workers = list(self.workers)
        workers[place] = worker
        return replace(self, workers=tuple(workers))

    def at(self, hub: Hub) -> "World":
        """GitHub is like this now; with a stale budget, what it was before may still be shown."""
        if hub == self.hub or not self.budget.stale:
            return replace(self, hub=hub)
        return replace(self, hub=hub, before=(*self.before, self.hub))

    def waited(self) -> "World":
        return replace(self, before=()) if self.waits else self

    def spending(self, **what: int) -> "World":
        spent = {name: getattr(self.budget, name) - much for name, much in what.items()}
        return replace(self, budget=replace(self.budget, **spent))


def steps(world: World) -> Iterator[World]:
    """Give every world that may come next."""
    for place, worker in enumerate(world.workers):
        if place in world.claims[1:]:
            continue  # it does not know of the job yet
        yield from worker_steps(world, place, worker)
    for index, effect in enumerate(world.late):
        hub, _ = applied(world.hub, effect)
        yield replace(world, late=world.late[:index] + world.late[index + 1 :]).at(hub)
    if len(world.claims) > 1:
        yield replace(world, claims=world.claims[1:]).waited()


def worker_steps(world: World, place: int, worker: Worker) -> Iterator[World]:
    match worker.wants:
        case Posted() | NotMine():
            return
        case None:
            if world.budget.restarts:
                yield world.with_worker(place, worker.afresh).spending(restarts=1).waited()
        case ("mine", _):
            mine = not world.claims or world.claims[0] == place
            yield world.with_worker(place, worker.told(mine))
        case ("list", _):
            yield world.with_worker(place, worker.told(world.hub.reviews))
            if world.budget.stale:
                for old in set(world.before) - {world.hub}:
                    yield world.with_worker(place, worker.told(old.reviews)).spending(stale=1)
            if world.budget.crashes and worker.answers:
                yield world.with_worker(place, worker.afresh).spending(crashes=1)
        case effect:
            yield from write_steps(world, place, worker, effect)


def write_steps(world: World, place: int, worker: Worker, effect: Effect) -> Iterator[World]:
    """A write goes well, or its worker dies before or after it, or its answer is lost."""
    hub, answer = applied(world.hub, effect)
    yield world.with_worker(place, worker.told(answer)).at(hub)
    if world.budget.crashes:
        dead = world.with_worker(place, worker.afresh).spending(crashes=1)
        yield dead.waited()
        yield dead.at(hub).waited()
        yield replace(dead, late=(*dead.late, effect)).waited()
    if world.budget.lost:
        unsure = world.with_worker(place, worker.told("lost")).spending(lost=1)
        yield unsure
        yield unsure.at(hub)
        yield replace(unsure, late=(*unsure.late, effect))


@dataclass
class Explored:
    states: int = 0
    ends: int = 0
    doubled: list[World] = field(default_factory=list)
    bad_ends: list[World] = field(default_factory=list)


def explore(start: World) -> Explored:
    """Visit every world that can be reached."""
    seen, waiting, found = {start}, [start], Explored()
    while waiting:
        world = waiting.pop()
        found.states += 1
        if any(world.hub.submitted(mark) > 1 for mark in BODIES):
            found.doubled.append(world)
        following = list(steps(world))
        if not following:
            found.ends += 1
            if not ended_well(world):
                found.bad_ends.append(world)
        fresh = [one for one in following if one not in seen]
        seen.update(fresh)
        waiting += fresh
    return found


def ended_well(world: World) -> bool:
    """What is wanted last stands once, and whoever is to know it does."""
    last = world.claims[-1:] or tuple(range(len(world.workers)))
    wanted = world.workers[last[0]].mark
    posted = {one.id for one in world.hub.reviews if one.submitted and one.mark == wanted}
    told = [world.workers[place].wants for place in last]
    return len(posted) == 1 and all(
        isinstance(one, Posted) and one.review_id in posted for one in told
    )


EMPTY = Hub()
LEFT_BEHIND = Hub((Review(1, OLD),), 1)


def world(
    *marks: Mark,
    hub: Hub = EMPTY,
    claims: tuple[int, ...] = (),
    post: Post = post,
    **budget: int,
) -> World:
    return World(hub, tuple(Worker(mark, post) for mark in marks), Budget(**budget), claims)


SCENES = {
    "two workers": world(OLD, OLD),
    "two workers, crashes": world(OLD, OLD, crashes=2),
    "two workers, lost answers": world(OLD, OLD, lost=2),
    "two workers, a crash and a lost answer": world(OLD, OLD, crashes=1, lost=1),
    "three workers": world(OLD, OLD, OLD),
    "three workers, a crash": world(OLD, OLD, OLD, crashes=1),
    "one worker, four crashes": world(OLD, crashes=4),
    "a lease that is lost": world(OLD, OLD, claims=(0, 1), crashes=1),
    "a lease that is lost, lost answers": world(OLD, OLD, claims=(0, 1), lost=2),
    "a lease that is lost twice": world(OLD, OLD, OLD, claims=(0, 1, 2)),
    "a pending one left behind": world(OLD, OLD, hub=LEFT_BEHIND, crashes=1),
    "one of the head before left behind": world(NEW, NEW, hub=LEFT_BEHIND, crashes=1),
    "a newer head, a crash": world(OLD, NEW, claims=(0, 1), crashes=1),
    "a newer head, a lost answer": world(OLD, NEW, claims=(0, 1), lost=1),
}


@pytest.mark.parametrize("scene", SCENES)
def test_no_order_of_events_doubles_or_loses_a_review(scene: str) -> None:
    found = explore(SCENES[scene])
    print(f"{scene}: {found.states} states, {found.ends} ends")
    assert found.doubled == []
    assert found.bad_ends == []


def hasty(mark: Mark, hub: Replayed) -> Posted | NotMine:
    """Post without the second look."""
    for one in hub.list():
        if one.submitted:
            return Posted(one.id, already=True)
    made = hub.create_pending(draft(mark))
    hub.submit(made)
    return Posted(made, already=False)


def at_once(mark: Mark, hub: Replayed) -> Posted | NotMine:
    """Take the answer of the first look for the last word, and post what it leaves open."""
    standing = [one for one in hub.list() if not one.submitted]
    made = standing[0].id if standing else hub.create_pending(draft(mark))
    hub.submit(made)
    return Posted(made, already=False)


def test_the_walk_finds_what_posting_without_a_second_look_doubles() -> None:
    assert explore(world(OLD, OLD, post=hasty)).doubled


def test_the_walk_finds_what_posting_without_a_look_after_a_crash_doubles() -> None:
    assert explore(world(OLD, post=at_once, crashes=1)).doubled


def test_one_list_that_lags_doubles_nothing() -> None:
    assert explore(world(OLD, crashes=1, stale=1)).doubled == []
    assert explore(world(OLD, OLD, claims=(0, 1), stale=1)).doubled == []


def test_a_worker_that_lives_doubles_nothing_however_lists_lag() -> None:
    assert explore(world(OLD, lost=2, stale=4, restarts=0)).doubled == []


def test_two_lists_that_lag_double_a_review_after_a_crash_or_with_a_lost_lease() -> None:
    # the known rest, which waiting before the first look is for; no code of ours can exclude it
    assert explore(world(OLD, crashes=1, stale=2)).doubled
    assert explore(world(OLD, OLD, claims=(0, 1), stale=2)).doubled


def test_waiting_longer_than_lists_lag_closes_that_rest() -> None:
    crash = world(OLD, crashes=2, stale=4)
    lease = world(OLD, OLD, claims=(0, 1), stale=4)
    assert explore(replace(crash, waits=True)).doubled == []
    assert explore(replace(lease, waits=True)).doubled == []


# Single cases, on one GitHub that does as it is told


Standing = list[PostedReview]
Fails = dict[str, list[GitHubError]]
Calls = list[str]


@dataclass
class Shelf:
    """The reviews of a pull request; `fails` holds what the next requests of a name raise."""

    reviews: Standing = field(default_factory=Standing)
    fails: Fails = field(default_factory=dict)
    leaves: bool = False
    calls: Calls = field(default_factory=Calls)

    def called(self, name: str) -> None:
        self.calls.append(name)
        for error in self.fails.pop(name, []):
            raise error

    def list(self) -> tuple[PostedReview, ...]:
        self.called("list")
        return tuple(self.reviews)

    def create_pending(self, draft: Draft) -> int:
        made = PostedReview(len(self.reviews) + 1, ME, draft.body, submitted=False)
        self.reviews += [made] * self.leaves
        self.called("create")
        self.reviews += [made] * (not self.leaves)
        return made.id

    def submit(self, review_id: int) -> None:
        self.called("submit")
        self.reviews = [
            replace(one, submitted=one.submitted or one.id == review_id) for one in self.reviews
        ]

    def delete_pending(self, review_id: int) -> None:
        self.called("delete")
        self.reviews = [one for one in self.reviews if one.id != review_id]


def post_to(shelf: Shelf, *, mine: bool = True) -> Posted | NotMine:
    return post_once(draft(NEW), NEW, (KEY,), shelf, ME, lambda: mine)


def standing(body: str, author: str = ME, *, submitted: bool = False) -> Shelf:
    return Shelf([PostedReview(1, author, body, submitted)])


def test_a_review_takes_four_requests() -> None:
    shelf = Shelf()
    assert post_to(shelf) == Posted(1, already=False)
    assert shelf.calls == ["list", "create", "list", "submit"]


def test_a_review_that_stands_takes_one_request() -> None:
    shelf = standing(BODIES[NEW], submitted=True)
    assert post_to(shelf) == Posted(1, already=True)
    assert shelf.calls == ["list"]


def test_a_mark_that_somebody_else_copied_counts_for_nothing() -> None:
    shelf = standing(BODIES[NEW], author="mallory", submitted=True)
    assert post_to(shelf) == Posted(2, already=False)


def test_the_login_is_compared_as_github_does() -> None:
    shelf = standing(BODIES[NEW], author="ReviewBot[bot]", submitted=True)
    assert post_to(shelf) == Posted(1, already=True)


def test_a_review_of_another_run_does_not_count() -> None:
    again = replace(NEW, run=1)
    shelf = standing(f"{render_marker(again, KEY)}", submitted=True)
    assert post_to(shelf) == Posted(2, already=False)


def test_a_persons_draft_is_left_alone() -> None:
    shelf = standing("my own thoughts")
    with pytest.raises(PersonsDraftError, match="submit or discard"):
        post_to(shelf)
    assert shelf.calls == ["list"]


def test_a_draft_with_a_mark_that_is_signed_by_another_key_is_left_alone() -> None:
    shelf = standing(render_marker(NEW, marker_key("another secret")))
    with pytest.raises(PersonsDraftError):
        post_to(shelf)


def test_a_draft_of_ours_for_another_pull_request_is_left_alone() -> None:
    shelf = standing(render_marker(replace(NEW, number=13), KEY))
    with pytest.raises(PersonsDraftError):
        post_to(shelf)


def test_a_draft_signed_by_the_key_before_is_adopted() -> None:
    before = marker_key("the secret before")
    shelf = standing(render_marker(NEW, before))
    posted = post_once(draft(NEW), NEW, (KEY, before), shelf, ME, lambda: True)
    assert posted == Posted(1, already=False)
    assert shelf.calls == ["list", "submit"]


def test_a_job_that_is_not_ours_any_more_leaves_nothing_behind() -> None:
    shelf = Shelf()
    assert post_to(shelf, mine=False) == NotMine()
    assert shelf.reviews == []


def test_a_job_that_is_not_ours_any_more_does_not_delete_the_newer_ones_draft() -> None:
    shelf = standing(BODIES[OLD])
    assert post_to(shelf, mine=False) == NotMine()
    assert shelf.calls == ["list"]


def test_a_refused_draft_leaves_nothing_behind() -> None:
    refused = GitHubInvalidError("refused", ("Line could not be resolved",))
    shelf = Shelf(fails={"create": [refused]}, leaves=True)
    with pytest.raises(GitHubInvalidError) as raised:
        post_to(shelf)
    assert raised.value is refused
    assert shelf.calls == ["list", "create", "list", "delete"]
    assert shelf.reviews == []


@pytest.mark.parametrize("request_name", ["list", "create", "submit"])
@pytest.mark.parametrize(
    "error", [GitHubLimitError("too fast", 60.0), GitHubDeniedError("no permission")]
)
def test_after_a_limit_or_a_refusal_nothing_more_is_sent(
    request_name: str, error: GitHubError
) -> None:
    shelf = Shelf(fails={request_name: [error]})
    with pytest.raises(type(error)):
        post_to(shelf)
    assert shelf.calls[-1] == request_name


def test_a_github_that_fails_for_good_is_left_for_later() -> None:
    shelf = Down()
    with pytest.raises(GitHubTemporaryError, match="502"):
        post_to(shelf)
    assert shelf.calls.count("create") == FAILURES


class Down(Shelf):
    def create_pending(self, draft: Draft) -> int:
        self.fails["create"] = [GitHubTemporaryError("502")]
        return super().create_pending(draft)


def test_pages_of_different_moments_are_read_again() -> None:
    # one pending review by user is all that GitHub allows: two of them were never there at once
    shelf = Moving([PostedReview(1, ME, BODIES[NEW], submitted=False)] * 2)
    assert post_to(shelf) == Posted(1, already=True)


class Moving(Shelf):
    def list(self) -> tuple[PostedReview, ...]:
        seen = super().list()
        self.reviews = [replace(self.reviews[0], submitted=True)]
        return seen


def test_a_draft_that_another_worker_takes_away_is_made_anew() -> None:
    shelf = Robbed()
    assert post_to(shelf) == Posted(2, already=False)
    assert shelf.calls == ["list", "create", "list", "submit", "list", "create", "list", "submit"]


class Robbed(Shelf):
    def submit(self, review_id: int) -> None:
        kept = [one for one in self.reviews if one.id != 1]
        self.reviews = kept or [PostedReview(1, "ann", "A person's", submitted=True)]
        super().submit(review_id)
        self.fails["submit"] = [GitHubGoneError("not found")] * (not kept)
        for error in self.fails.pop("submit"):
            raise error


# Over HTTP, with the real client, on a GitHub that has rules of its own


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as fake:
        yield fake
        # the description at hand does not hold GET /user
        assert [one for one in fake.violations if "/user: PathNotFound" not in one] == []


def opened(github: FakeGitHub) -> Pull:
    return github.repository().opens_pull_request({"a.py": "x = 1\ny = 2\n"})


def post_by_app(pull: Pull, *comments: Comment, timeout: int = 5) -> Posted | NotMine:
    fake = pull.repo.github
    app = App(fake.url, APP_ID, Secret(fake.private_key), timeout=timeout)
    with app.installation(pull.repo.installation) as client:
        return post_by(client, pull, *comments)


def post_by(client: GitHub, pull: Pull, *comments: Comment) -> Posted | NotMine:
    read = client.fetch_pull(pull.repo.owner, pull.repo.name, pull.number)
    mark = Mark(read.repository.id, read.number, read.base, read.head, 0)
    body = f"A review.\n{render_marker(mark, KEY)}"
    draft = Draft(read.head, body, comments)
    return post_once(draft, mark, (KEY,), client.reviews(read), client.me(), lambda: True)


ON_A_LINE = Comment("a.py", "Why?", "RIGHT", 2, 1)


def test_a_review_is_posted_with_its_comments_in_eight_requests(github: FakeGitHub) -> None:
    pull = opened(github)
    post_by_app(pull, ON_A_LINE)
    assert [(one["path"], one["line"]) for one in pull.comments] == [("a.py", 2)]
    assert dict(github.counts) == {
        "make_token": 1,
        "get_pull": 1,
        "get_app": 1,
        "list_reviews": 2,
        "create_review": 1,
        "submit_review": 1,
    }


FAULTS: dict[str, tuple[Reply, When]] = {
    "no gateway, before": (BAD_GATEWAY, "before"),
    "no gateway, after it was stored": (BAD_GATEWAY, "after"),
    "no answer, before": (NO_ANSWER, "before"),
    "no answer, after it was stored": (NO_ANSWER, "after"),
}


@pytest.mark.parametrize("operation", ["list_reviews", "create_review", "submit_review"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_github_neither_doubles_nor_loses_a_review(
    github: FakeGitHub, operation: str, fault: str
) -> None:
    pull = opened(github)
    reply, when = FAULTS[fault]
    github.fails(operation, reply, when)
    post_by_app(pull, ON_A_LINE)
    assert len(pull.reviews) == 1
    assert pull.pending == []


@pytest.mark.parametrize("operation", ["create_review", "submit_review"])
def test_a_write_that_is_stored_after_we_gave_up_waiting_is_found(
    github: FakeGitHub, operation: str
) -> None:
    pull = opened(github)
    held = github.holds(operation, "after")
    post_by_app(pull, timeout=1)
    held.released.set()
    assert len(pull.reviews) == 1
    assert pull.pending == []


@pytest.mark.parametrize("reply", [SECONDARY, SECONDARY_AFTER, TOO_MANY, TOO_MANY_AFTER, PRIMARY])
@pytest.mark.parametrize("operation", ["list_reviews", "create_review", "submit_review"])
def test_a_limit_puts_off_what_the_next_attempt_ends(
    github: FakeGitHub, operation: str, reply: Reply
) -> None:
    pull = opened(github)
    github.fails(operation, reply)
    with pytest.raises(GitHubLimitError):
        post_by_app(pull)
    post_by_app(pull)
    assert len(pull.reviews) == 1
    assert pull.pending == []


def test_a_missing_permission_ends_it(github: FakeGitHub) -> None:
    pull = opened(github)
    github.fails("create_review", NO_PERMISSION)
    with pytest.raises(GitHubDeniedError, match="pull_requests: write"):
        post_by_app(pull)


def test_a_line_out_of_the_diff_leaves_nothing_behind(github: FakeGitHub) -> None:
    pull = opened(github)
    with pytest.raises(GitHubInvalidError, match="must be part of the diff"):
        post_by_app(pull, replace(ON_A_LINE, line=99))
    assert pull.every_review == []


def test_a_person_posts_as_the_app_would(github: FakeGitHub) -> None:
    pull = opened(github)
    github.personal_tokens["ghp_1"] = "ada"
    with personal(github.url, Secret("ghp_1")) as client:
        post_by(client, pull, ON_A_LINE)
        post_by(client, pull, ON_A_LINE)
    assert [one.author for one in pull.every_review] == ["ada"]


def test_a_persons_draft_stands_in_the_way_of_the_person_only(github: FakeGitHub) -> None:
    pull = opened(github)
    pull.person_drafts_review("ada")
    github.personal_tokens["ghp_1"] = "ada"
    with personal(github.url, Secret("ghp_1")) as client, pytest.raises(PersonsDraftError):
        post_by(client, pull)
    post_by_app(pull)
    assert [one.author for one in pull.reviews] == [BOT]
    assert [one.body for one in pull.pending] == ["Still thinking."]


def test_a_review_on_the_second_page_counts(github: FakeGitHub) -> None:
    pull = opened(github)
    for _ in range(150):
        pull.person_drafts_review("ada").submitted_at = 0.0
    post_by_app(pull)
    post_by_app(pull)
    assert len(pull.reviews) == 1


def test_a_review_that_a_person_dismissed_counts(github: FakeGitHub) -> None:
    pull = opened(github)
    post_by_app(pull)
    pull.reviews[0].dismissed = True
    assert post_by_app(pull) == Posted(pull.reviews[0].id, already=True)
