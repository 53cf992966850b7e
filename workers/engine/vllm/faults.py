"""vLLM's complaints about a request as ours: what it can still find after our own checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.exceptions import VLLMClientError

from penstock.errors import ApiError, ContextLengthError, EngineFailedError, InvalidRequestError
from penstock.telemetry import events, logs

_CONTEXT = "maximum context length"
_SERVER_FAULT = 500
_SENTENCES = {
    "bad_words": "bad_words holds a text that has no tokens, or too many of them.",
    "reasoning_effort": "This model knows no reasoning_effort of that name.",
}
#: What compilers of grammars raise, some of them for a client's text.
_GRAMMAR_FAULTS = (VLLMClientError, ValueError, TypeError, KeyError, RuntimeError)

log = logs.get()


@contextmanager
def client_faults(grammar_field: str | None = None) -> Iterator[None]:
    """Raise InvalidRequestError for what vLLM says is the client's fault.

    `grammar_field` names what the request's grammar comes from, if it has one.
    """
    try:
        yield
    except ApiError:
        raise
    except (VLLMClientError, ValueError) as error:
        message = str(error.args[0] if error.args else error)
        raise _refused(message, getattr(error, "parameter", None), grammar_field) from error
    except _GRAMMAR_FAULTS as error:
        if grammar_field is None:
            raise
        raise _refused(str(error), None, grammar_field) from error


def raised(response: ErrorResponse, grammar_field: str | None) -> ApiError:
    """The exception that says what an error response of vLLM says."""
    error = response.error
    if error.code >= _SERVER_FAULT:
        log.error(events.ENGINE_REFUSED, reason=error.message)
        return EngineFailedError("The engine failed on this request.")
    return _refused(error.message, error.param, grammar_field)


def _refused(message: str, param: str | None, grammar_field: str | None) -> InvalidRequestError:
    """Its own words name flags, files and libraries of vLLM's: they are for the log."""
    log.info(events.ENGINE_REFUSED, reason=message)
    if param in _SENTENCES:
        return InvalidRequestError(_SENTENCES[param], param=param)
    if _CONTEXT in message:
        return ContextLengthError("The prompt does not fit this model's context: shorten it.")
    if grammar_field is not None:
        return InvalidRequestError(
            f"{grammar_field} cannot be enforced: its schema, expression or grammar is malformed, or uses what this "
            "engine does not know.",
            param=grammar_field,
        )
    return InvalidRequestError("The engine cannot serve this request as it is; the worker's log says why.", param=param)
