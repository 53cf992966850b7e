"""The request of another endpoint inside a job to submit: checked, and its pool found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import ApiError
from penstock.intake.asking import Asked, asked_by
from penstock.intake.new_job import pool_for

if TYPE_CHECKING:
    from ingress.intake.auth import Caller
    from ingress.intake.context import Context
    from penstock.request.job_request import JobRequest

_FIELD = "body"


async def asked_inside(context: Context, caller: Caller, job: JobRequest) -> tuple[Asked, str]:
    """What a job asks for, and the pool that serves it.

    Raises ApiError naming the field as the job has it (`body.temperature`), BrokerUnavailableError, BrokerDataError.
    """
    try:
        asked = await asked_by(context.broker, context.settings, caller.tenant, job)
        return asked, pool_for(context.settings, asked.body)
    except ApiError as error:
        raise _inside(error) from None


def _inside(error: ApiError) -> ApiError:
    param = f"{_FIELD}.{error.param}" if error.param else _FIELD
    # Where a message begins with the field, it means that by its name.
    is_named = error.param is not None and error.message.startswith(error.param)
    message = f"{_FIELD}.{error.message}" if is_named else error.message
    return type(error)(message, param=param, retry_after_s=error.retry_after_s)
