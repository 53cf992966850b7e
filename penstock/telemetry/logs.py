"""Structured logs on standard error: one event per line, JSON or for people, with what is bound to the context."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from penstock.settings import LogFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, FilteringBoundLogger, Processor

    from penstock.settings import TelemetrySettings


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Within it nobody can import a module."""
    modules: dict[str, Any] = sys.modules
    former = modules.get(module)
    modules[module] = None
    yield
    del modules[module]
    if former is not None:
        modules[module] = former


# structlog imports rich where it can, in every process, for tracebacks that show the values of variables: never ours.
with _hidden("rich"):
    import structlog


def configure(settings: TelemetrySettings, role: str) -> None:
    """Set up this process's logs; `role` (ingress, scheduler, worker, ...) stands in every line."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]

    def add_role(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    shared: list[Processor] = [
        add_role,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_renderers(settings.log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    _adopt_standard_logging(settings.log_format, level, shared)


def get() -> FilteringBoundLogger:
    """A logger; it may be made before `configure`. The first argument of its calls is a name from `events`."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def bound(**fields: Any) -> AbstractContextManager[Any]:
    """Within it every event of this task carries the fields, as in `with logs.bound(job=job.id)`."""
    return structlog.contextvars.bound_contextvars(**fields)


def bind(**fields: Any) -> None:
    """From here on every event of this task carries the fields."""
    structlog.contextvars.bind_contextvars(**fields)


def _renderers(log_format: LogFormat) -> list[Processor]:
    if log_format is LogFormat.CONSOLE:
        return [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _adopt_standard_logging(log_format: LogFormat, level: int, shared: list[Processor]) -> None:
    """Lines of libraries that use `logging` look like ours; they are heard from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
