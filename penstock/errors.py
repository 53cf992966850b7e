"""The error tree. A class says its HTTP status, its wire type and code, and whether trying again can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class PenstockError(Exception):
    """Anything Penstock raises on purpose."""


class SettingsError(PenstockError):
    """A wrong setting; the message says which one and how to mend it."""


class EngineStartError(PenstockError):
    """An engine did not come up."""


class EngineDeadError(PenstockError):
    """The engine is gone; its generations will produce nothing more."""


class LeaseError(PenstockError):
    """Nobody renews this worker's lease any more."""


class BrokerError(PenstockError):
    """Redis did not do what it was asked."""


class BrokerUnavailableError(BrokerError):
    """Redis cannot be reached, did not answer in time, or says that it cannot serve as it stands."""


class BrokerFullError(BrokerUnavailableError):
    """Redis is at maxmemory and takes no new work."""


class BrokerDataError(BrokerError):
    """Redis holds something under one of our keys that none of our scripts has written: another type, or no record.

    `keys` are those that were asked for; one of them it is.
    """

    def __init__(self, message: str, keys: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


class StorageError(PenstockError):
    """Storage did not do what it was asked."""


class StorageMissingError(StorageError):
    """There is no object of that name."""


class StorageUnavailableError(StorageError):
    """Storage cannot be reached, did not answer in time, or cannot serve as it stands."""


class StorageFullError(StorageUnavailableError):
    """Storage has no room for more."""


class StorageDeniedError(StorageUnavailableError):
    """Storage is read-only, or lets this process do nothing there."""


class ApiError(PenstockError):
    """An error a client sees.

    `error` is the object of the OpenAI wire format; `param` names the offending field of the request body.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None
    #: Whether the same request may succeed later.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def body(self) -> dict[str, Any]:
        """The response body: `{"error": {message, type, param, code}}`."""
        return error_body(self.message, self.type, self.param, self.code)


class InvalidRequestError(ApiError):
    """The request itself is wrong."""

    status = 400
    type = "invalid_request_error"


class ContextLengthError(InvalidRequestError):
    """Prompt and completion do not fit the model's context."""

    code = "context_length_exceeded"


class PreviousResponseNotFoundError(InvalidRequestError):
    """The response that a conversation was to go on from is not there for this client."""

    code = "previous_response_not_found"


class UnauthorizedError(ApiError):
    """No key, or a key nobody knows."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class StreamTokenError(UnauthorizedError):
    """The token of a job's stream is none that opens it, or no more."""

    code = "invalid_stream_token"


class ForbiddenError(ApiError):
    """Whoever asks is known, and may not do that."""

    status = 403
    type = "invalid_request_error"
    code = "permission_denied"


class ModelNotFoundError(ApiError):
    """No model of that name is served."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class NotFoundError(ApiError):
    """No such job or route."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowedError(ApiError):
    """The route exists, the method does not."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeoutError(ApiError):
    """The client took too long to send its request."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"
    retryable = True


class IdempotencyConflictError(ApiError):
    """An Idempotency-Key came back with another body."""

    status = 409
    type = "invalid_request_error"
    code = "idempotency_key_reused"


class CompletionWindowError(ApiError):
    """The batch would not be done in its window."""

    status = 409
    type = "invalid_request_error"
    code = "completion_window_too_short"


class BatchEndedError(ApiError):
    """The batch has ended, or its files are being made: there is nothing to cancel."""

    status = 409
    type = "invalid_request_error"
    code = "batch_ended"


class BodyTooLargeError(ApiError):
    """The body is over the limit."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class UnsupportedMediaTypeError(ApiError):
    """The body is not of a kind that the endpoint reads."""

    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"
    #: What it reads instead.
    accept: ClassVar[str] = "application/json"


class FormExpectedError(UnsupportedMediaTypeError):
    """The body is no form, which the endpoint reads."""

    accept = "multipart/form-data"


class UnsupportedCodingError(UnsupportedMediaTypeError):
    """The body is coded in a way that nobody here undoes."""

    code = "unsupported_content_encoding"


class RangeError(ApiError):
    """The content has nothing in the range that was asked for."""

    status = 416
    type = "invalid_request_error"
    code = "range_not_satisfiable"


class ExpectationError(ApiError):
    """The request expects what no server of ours does."""

    status = 417
    type = "invalid_request_error"
    code = "expectation_failed"


class MisdirectedRequestError(ApiError):
    """The request was meant for another host."""

    status = 421
    type = "invalid_request_error"
    code = "misdirected_request"


class UnimplementedError(ApiError):
    """A part of HTTP that nobody here does."""

    status = 501
    type = "invalid_request_error"
    code = "not_implemented"


class HttpVersionError(ApiError):
    """The request is in another version of HTTP."""

    status = 505
    type = "invalid_request_error"
    code = "unsupported_http_version"


class HeadersTooLargeError(ApiError):
    """The request's headers are over the limit."""

    status = 431
    type = "invalid_request_error"
    code = "request_headers_too_large"


class QueueFullError(ApiError):
    """The lane is full: come back after `retry_after_s`."""

    status = 429
    type = "rate_limit_exceeded"
    code = "rate_limit_exceeded"
    retryable = True


class CancelledError(ApiError):
    """The job was cancelled before it finished."""

    status = 409
    type = "cancelled"
    code = "job_cancelled"


class OverloadedError(ApiError):
    """No capacity: the queue's deadline passed, or Redis takes no work."""

    status = 503
    type = "server_error"
    code = "server_is_overloaded"
    retryable = True


class UnavailableError(OverloadedError):
    """A part that is needed cannot be reached."""

    code = "service_unavailable"


class WorkerLostError(ApiError):
    """The job could not be continued after its worker was lost."""

    status = 502
    type = "worker_lost"
    code = "worker_lost"
    retryable = True


class EngineFailedError(ApiError):
    """The engine reported an error for this job."""

    status = 500
    code = "engine_error"


class RunTimeoutError(ApiError):
    """The job ran longer than its pool allows."""

    status = 504
    type = "timeout"
    code = "run_timeout"
    retryable = True


def error_body(message: str, type_: str, param: str | None, code: str | None) -> dict[str, Any]:
    """The OpenAI error object, all four keys always."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def _tree(root: type[ApiError]) -> list[type[ApiError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _tree(child))]


def by_name(name: str) -> type[ApiError]:
    """The class of a failure that crossed Redis by its class name."""
    return next((cls for cls in _tree(ApiError) if cls.__name__ == name), EngineFailedError)
