"""Linters and scanners that are installed: a change's files at head come in; out come Alarms."""
