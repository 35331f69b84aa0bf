"""The other jobs: a merge queue that waits, deliveries that were missed, an installation gone."""

import time

from reviewbot.github import check_output
from reviewbot.github.checks import complete_check, open_check
from reviewbot.github.webhook import Repository
from reviewbot.service import jobs, listing, retention
from reviewbot.service.endings import NotWantedError
from reviewbot.service.logs import get_logger
from reviewbot.service.review_job import Tools
from reviewbot.service.running import Running

MISSED_SECONDS = 3 * 86_400.0
"""GitHub sends a delivery again for three days."""
MOST_ATTEMPTS = 20
"""A delivery that was refused so often is not asked for again."""
_log = get_logger()


def pass_merge_queue(tools: Tools, running: Running) -> None:
    """Complete a neutral check on what a merge queue made: a required one would hold it up."""
    job = running.job
    name = f"reviewbot:merge:{job.head}"
    with tools.github(job.installation) as github:
        checks = github.checks(Repository(job.repository_id, job.owner_login, job.repository))
        complete_check(checks, open_check(checks, job.head, name), check_output.merge_queue())
    _done(tools, running)


def redeliver(tools: Tools, running: Running) -> None:
    """Have GitHub send again what it could not deliver in the last three days."""
    failed = tools.app.failed_deliveries(time.time() - MISSED_SECONDS)
    with tools.database.read() as connection:
        known = listing.known_guids(connection, [one.guid for one in failed])
    missed = [one for one in failed if one.guid not in known and one.attempts < MOST_ATTEMPTS]
    for one in missed:
        running.check()
        tools.app.redeliver(one.id)
    if missed:
        _log.info("missed deliveries are sent again", deliveries=len(missed))
    _done(tools, running)


def purge(tools: Tools, running: Running) -> None:
    """Forget an installation that is gone: its rows, and what was fetched of its repositories."""
    job = running.job
    if tools.app.is_installed(job.installation):
        raise NotWantedError("the installation is there")
    tools.store.purge(job.installation)
    with tools.database.write() as connection:
        retention.purge(connection, job.installation, job.id)
    _done(tools, running)


def _done(tools: Tools, running: Running) -> None:
    with tools.database.write() as connection:
        jobs.finish(connection, running.job, "done", "", time.time())
