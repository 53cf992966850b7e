from __future__ import annotations

import pytest

from penstock.cli.job_ids import bare, job_id
from penstock.errors import SettingsError

JOB = "demo-886e8c3e9e728a4be67ffa85"


@pytest.mark.parametrize("prefix", ["", "chatcmpl-", "cmpl-", "resp_"])
def test_the_id_of_an_answer_is_that_of_its_job(prefix: str) -> None:
    assert job_id(f"{prefix}{JOB}") == bare(f"{prefix}{JOB}") == JOB


@pytest.mark.parametrize(
    "given", ["", "../models", "sim-1", f"{JOB}/events", f"chatcmpl-chatcmpl-{JOB}\n", JOB.upper()]
)
def test_what_is_no_job_id_is_said_to_be_none(given: str) -> None:
    with pytest.raises(SettingsError, match="is no job id; it looks like demo-"):
        job_id(given)
    assert bare(given) == given
