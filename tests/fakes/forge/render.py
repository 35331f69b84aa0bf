"""State in; out the JSON that GitHub's API shows of it."""

from datetime import UTC, datetime
from typing import Any

from tests.fakes.forge.judge import filled
from tests.fakes.forge.people import Pull, Repo
from tests.fakes.forge.state import APP_ID, SLUG, Check, Delivery, Review

JSON = dict[str, Any]
PERMISSIONS = {"contents": "read", "pull_requests": "write", "checks": "write", "metadata": "read"}
EVENTS = ["pull_request", "check_run", "check_suite", "merge_group"]


def user(login: str, kind: str = "User") -> JSON:
    return filled("simple-user", login=login, id=sum(login.encode()), type=kind)


def app(owner: str, permissions: JSON) -> JSON:
    return filled(
        "integration", id=APP_ID, slug=SLUG, name=SLUG, owner=user(owner, "Organization"),
        permissions=permissions, events=EVENTS,
    )  # fmt: skip


def installation(number: int, owner: str) -> JSON:
    return filled("installation", id=number, account=user(owner, "Organization"), app_id=APP_ID)


def token(text: str, ends: str) -> JSON:
    return filled("installation-token", token=text, expires_at=ends)


def delivery(one: Delivery) -> JSON:
    return filled(
        "hook-delivery-item", id=one.id, guid=one.guid, event=one.event,
        delivered_at=_moment(one.sent_at), status="OK" if one.well else "failed",
        status_code=one.status, action=one.payload.get("action"), redelivery=False, duration=0.1,
    )  # fmt: skip


def repository(repo: Repo) -> JSON:
    root = repo.github.root
    return filled(
        "repository", id=repo.id, name=repo.name, full_name=repo.full_name,
        owner=user(repo.owner, "Organization"), clone_url=f"{root}/{repo.full_name}.git",
    )  # fmt: skip


def pull(one: Pull) -> JSON:
    repo = repository(one.repo)
    head = {"label": "x", "ref": f"pull-{one.number}", "sha": one.head, "user": user(one.author),
            "repo": None if one.fork_deleted else repo}  # fmt: skip
    base = {"label": "x", "ref": one.base, "sha": one.repo.tip(one.base),
            "user": user(one.repo.owner), "repo": repo}  # fmt: skip
    page = f"{one.repo.github.root}/{one.repo.full_name}/pull/{one.number}"
    return filled(
        "pull-request", number=one.number, title=one.title, state=one.state, draft=one.draft,
        user=user(one.author, "Bot" if one.bot else "User"), head=head, base=base, html_url=page,
    )  # fmt: skip


def comparison(merge_base: str, base: str, head: str) -> JSON:
    return filled(
        "commit-comparison",
        merge_base_commit=filled("commit", sha=merge_base),
        base_commit=filled("commit", sha=base),
        status="ahead" if base != head else "identical",
    )


def review(one: Review, on: Pull, at: float) -> JSON:
    body = filled(
        "pull-request-review", id=one.id, body=one.body, commit_id=one.commit_id,
        state=one.state(at), user=user(one.author, "Bot" if one.author.endswith("]") else "User"),
        html_url=f"{on.repo.github.root}/{on.repo.full_name}/pull/{on.number}#{one.id}",
    )  # fmt: skip
    if one.submitted_at <= at:
        body["submitted_at"] = _moment(one.submitted_at)
    return body


def check(one: Check) -> JSON:
    output = {
        "title": one.title or None, "summary": one.summary or None, "text": None,
        "annotations_count": len(one.annotations), "annotations_url": "https://example.org/",
    }  # fmt: skip
    return filled(
        "check-run", id=one.id, name=one.name, head_sha=one.head, external_id=one.external_id,
        status=one.status, conclusion=one.conclusion, output=output,
        app=filled("integration", id=one.app_id, slug=SLUG),
    )  # fmt: skip


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
