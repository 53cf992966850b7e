"""Ids of jobs as they are given on a command line."""

from __future__ import annotations

import re

from penstock.errors import SettingsError

#: A job's id; with one of the prefixes it is the id of the job's answer.
_FORM = re.compile(r"(?:chatcmpl-|cmpl-|resp_)?(?P<job>[a-z0-9][a-z0-9._]*-[0-9a-f]{24})")


def job_id(given: str) -> str:
    """The id of the job that an id, or that of its answer, names. Raises SettingsError for what is neither."""
    found = bare(given)
    if not _FORM.fullmatch(found):
        raise SettingsError(f"{given[:100]!r} is no job id; it looks like demo-886e8c3e9e728a4be67ffa85.")
    return found


def bare(given: str) -> str:
    """The id of the job where it is that of an answer; anything else as it is."""
    found = _FORM.fullmatch(given)
    return found["job"] if found else given
