"""Findings come in; out come the ones that are shown, in the order they came, and the others."""

from reviewbot.findings.finding import SEVERITIES, Finding


def cap(findings: list[Finding], most: int) -> tuple[list[Finding], list[Finding]]:
    """Show at most so many: the gravest, of equals the first in the diff."""
    gravest_first = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    shown = {id(finding) for finding in gravest_first[: max(0, most)]}
    return (
        [finding for finding in findings if id(finding) in shown],
        [finding for finding in findings if id(finding) not in shown],
    )
