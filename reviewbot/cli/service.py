"""`reviewbot api`: settings come in; the webhook's API runs until it is told to end."""

from reviewbot.bootstrap_service import check_service, make_parts, secrets_of
from reviewbot.settings import Settings

_DRAIN_SECONDS = 5


def run_api(settings: Settings) -> int:
    """Serve the API. Raises `ReviewbotError` where it cannot start."""
    import uvicorn  # noqa: PLC0415

    from reviewbot.service.api import make_api  # noqa: PLC0415
    from reviewbot.service.logs import set_up_logs  # noqa: PLC0415

    check_service(settings)
    set_up_logs(settings.log_format, secrets_of(settings), part="api")
    uvicorn.run(
        make_api(make_parts(settings)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return 0
