"""The kinds of values that settings take: type, range, and the words for both in errors, schema and docs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

#: What takes settings, or entries, rather than one value.
MAPPING = "settings inside (`key: value` lines)"
LIST = "a list"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a setting takes, as the end of "expected …"; whatever else it is given is refused in these words."""

    #: The type of the error that pydantic then reports.
    ERROR: ClassVar = "expected"

    words: str
    #: Whether an error leaves out what was given.
    is_secret: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Give an error of our own in the place of pydantic's."""
        return core_schema.custom_error_schema(
            handler(source),
            custom_error_type=Expected.ERROR,
            custom_error_message=self.words,
            custom_error_context={"is_secret": self.is_secret},
        )


class EngineName(enum.StrEnum):
    """The engines a pool can run."""

    VLLM = "vllm"
    SIMULATED = "simulated"


class Fsync(enum.StrEnum):
    """When the embedded Redis forces its append-only file to disk."""

    EVERYSEC = "everysec"
    ALWAYS = "always"


class LogFormat(enum.StrEnum):
    """One JSON object per line, or lines for people."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(enum.StrEnum):
    """The least severe events that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class RedisForm(enum.StrEnum):
    """How the servers of a Redis are arranged; the schemes of their URLs."""

    SINGLE = "redis"
    UNIX = "unix"
    SENTINEL = "redis+sentinel"
    CLUSTER = "redis+cluster"

    @property
    def schemes(self) -> tuple[str, ...]:
        """Without TLS and, for what goes over a network, with it."""
        return (self.value,) if self is RedisForm.UNIX else (self.value, self.value.replace("redis", "rediss", 1))


def expected(field: FieldInfo) -> str:
    """What a setting takes, in the words that its errors have."""
    kind = field.annotation
    optional = get_args(kind)[0] if type(None) in get_args(kind) else None
    for note in (*field.metadata, *get_args(optional)):
        if isinstance(note, Expected):
            return note.words
    return LIST if get_origin(kind) is tuple else MAPPING


def written(value: object) -> str:
    """A default as one would write it in the file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_of(choices: type[enum.StrEnum]) -> Expected:
    """What takes a member of an enumeration."""
    return Expected("one of " + ", ".join(choices))


def _checked_path(value: object) -> object:
    if isinstance(value, Path) or (isinstance(value, str) and value and "\0" not in value):
        return value
    raise ValueError


Text = Annotated[str, Field(strict=True), Expected("a text")]
NonEmpty = Annotated[str, Field(strict=True, min_length=1), Expected("a text that is not empty")]
Texts = Annotated[tuple[Text, ...], Expected("a list of texts")]
Flag = Annotated[bool, Field(strict=True), Expected("true or false")]
Seconds = Annotated[float, Field(strict=True, gt=0), Expected("a number of seconds above 0")]
SecondsList = Annotated[
    tuple[Annotated[float, Field(strict=True, gt=0)], ...],
    Field(min_length=1),
    Expected("a list of numbers of seconds above 0"),
]
Count = Annotated[int, Field(strict=True, ge=1), Expected("a whole number of at least 1")]
ByteCount = Annotated[int, Field(strict=True, ge=1), Expected("a whole number of bytes, at least 1")]
#: 0 sets no limit.
OptionalMebibytes = Annotated[int, Field(strict=True, ge=0), Expected("a whole number of MiB, 0 for no limit")]
Port = Annotated[int, Field(strict=True, ge=1, le=65535), Expected("a port from 1 to 65535")]
#: 0 switches the listener off.
OptionalPort = Annotated[int, Field(strict=True, ge=0, le=65535), Expected("a port from 1 to 65535, or 0 for none")]
#: No dash: a job id is `<pool>-<hex>`, and the pool is what stands before the dash.
PoolName = Annotated[
    str,
    Field(strict=True, pattern=r"^[a-z0-9][a-z0-9._]*$"),
    Expected("lower-case letters, digits, dots and underscores, a letter or digit first"),
]
#: A plain key put in its place by mistake is not to be read in a log.
Sha256 = Annotated[
    str,
    Field(strict=True, pattern=r"^[0-9a-f]{64}$"),
    Expected("64 hexadecimal digits, lower case", is_secret=True),
]
#: Long enough that nobody guesses it.
SECRET_CHARACTERS = 32
Secret = Annotated[
    str,
    Field(strict=True, min_length=SECRET_CHARACTERS),
    Expected(f"a text of at least {SECRET_CHARACTERS} characters", is_secret=True),
]
Folder = Annotated[
    Path, BeforeValidator(_checked_path), WithJsonSchema({"type": "string", "minLength": 1}), Expected("a path")
]
RedisUrl = Annotated[str, Field(strict=True, min_length=1), Expected("'embedded' or a URL")]
OptionalRedisUrl = Annotated[str, Field(strict=True), Expected("a URL, or '' for that of redis.url")]
#: "" for the one beside Redis' own files.
StorageUrl = Annotated[str, Field(strict=True), Expected("a folder or a URL")]
#: What only the store's library can check; keys to it may be among them.
SecretOptions = Annotated[dict[Text, Any], Expected(MAPPING, is_secret=True)]
#: What only the engine can check.
Options = Annotated[dict[Text, Any], Expected(MAPPING)]
Engine = Annotated[EngineName, one_of(EngineName)]
FsyncPolicy = Annotated[Fsync, one_of(Fsync)]
Format = Annotated[LogFormat, one_of(LogFormat)]
Level = Annotated[LogLevel, one_of(LogLevel)]
