"""vLLM's complaints about a request as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jinja2 import TemplateError
from pydantic import ValidationError
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.exceptions import VLLMClientError

from penstock.errors import ApiError, ContextLengthError, EngineFailedError, InvalidRequestError

_CONTEXT = "maximum context length"
_SERVER_FAULT = 500


@contextmanager
def client_faults() -> Iterator[None]:
    """Raise InvalidRequestError for what vLLM says is the client's fault."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequestError(first["msg"], param=".".join(map(str, first["loc"])) or None) from error
    except (VLLMClientError, ValueError, TypeError, TemplateError) as error:
        message = str(error.args[0] if error.args else error)
        raise _invalid(message, getattr(error, "parameter", None)) from error


def raised(response: ErrorResponse) -> ApiError:
    """The exception that says what an error response of vLLM says."""
    error = response.error
    if error.code >= _SERVER_FAULT:
        return EngineFailedError(error.message)
    return _invalid(error.message, error.param)


def _invalid(message: str, param: str | None) -> InvalidRequestError:
    kind = ContextLengthError if _CONTEXT in message else InvalidRequestError
    return kind(message, param=param)
