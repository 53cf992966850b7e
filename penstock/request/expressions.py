"""Regular expressions that an answer is to match: whether they mean what they say to every engine, and are small."""

from __future__ import annotations

from penstock.errors import InvalidRequestError
from penstock.request.wrong import wrong

#: Characters of an expression as it is with its repetitions written out: `(ab){1,30}` has 60. In a schema a compiler
#: writes them out indeed.
MAX_WRITTEN_OUT = 10_000
MAX_PATTERN_WRITTEN_OUT = 1_000

#: What a grammar knows of `\\`: classes, control characters, characters by number. Others would stand for their letter.
_ESCAPES = frozenset("dDwWsSnrtfv0xuc")
_MAX_DIGITS = 9


def check_expression(expression: str, param: str, most: int = MAX_WRITTEN_OUT) -> None:
    """Raise InvalidRequestError for what an engine would drop, or has more than `most` characters written out."""
    _Reading(expression, param, most).run()


class _Group:
    """One open group, or the whole expression."""

    __slots__ = ("begins", "ends", "is_fresh", "size")

    def __init__(self, *, begins: bool) -> None:
        #: Whether its alternatives begin where the expression does, and whether the present one is still empty.
        self.begins = begins
        self.is_fresh = True
        #: Whether one of its alternatives says that the expression ends with it.
        self.ends = False
        #: Characters, written out.
        self.size = 0


class _Reading:
    """One pass over an expression; what is malformed is left to the engine to refuse."""

    def __init__(self, expression: str, param: str, most: int) -> None:
        self._text = expression
        self._param = param
        self._most = most
        self._at = 0
        #: The innermost last.
        self._groups = [_Group(begins=True)]
        #: Of the last character or group, which a repetition multiplies.
        self._last = 0

    def run(self) -> None:
        if len(self._text) > MAX_WRITTEN_OUT:
            raise wrong(self._param, f"has a regular expression of more than {MAX_WRITTEN_OUT} characters")
        while self._at < len(self._text):
            self._step(self._text[self._at])
            if self._groups[-1].size > self._most:
                raise wrong(
                    self._param,
                    f"has a regular expression of more than {self._most} characters, counted with its repetitions "
                    "written out",
                )

    def _step(self, character: str) -> None:
        match character:
            case "\\":
                self._escape()
            case "[":
                self._class()
            case "(":
                self._open()
            case ")":
                self._close()
            case "^":
                self._begin()
            case "$":
                self._end()
            case "{":
                self._repeat()
            case "|":
                self._groups[-1].is_fresh = True
                self._at += 1
            case "*" | "+" | "?":
                self._at += 1
            case _:
                self._take(1)

    def _take(self, length: int) -> None:
        """One character, however it is written."""
        self._at += length
        self._last = 1
        self._groups[-1].size += 1
        self._groups[-1].is_fresh = False

    def _escape(self) -> None:
        escaped = self._text[self._at + 1 : self._at + 2]
        if escaped.isalnum() and escaped not in _ESCAPES:
            raise self._unknown(f"\\{escaped}")
        self._take(2)

    def _class(self) -> None:
        end = self._at + 1
        # A bracket right after the opening is one of the class's characters.
        while end < len(self._text) and (self._text[end] != "]" or end == self._at + 1):
            end += 2 if self._text[end] == "\\" else 1
        self._take(end + 1 - self._at)

    def _open(self) -> None:
        rest = self._text[self._at + 1 : self._at + 4]
        if rest.startswith("?") and not (rest.startswith("?:") or (rest[:2] == "?<" and rest[2:] not in ("=", "!"))):
            raise self._unknown(f"({rest[: 3 if rest[:2] == '?<' else 2]}")
        if rest.startswith("?<"):
            self._at = max(self._text.find(">", self._at), self._at)
        elif rest.startswith("?:"):
            self._at += 2
        self._at += 1
        outer = self._groups[-1]
        self._groups.append(_Group(begins=outer.begins and outer.is_fresh))
        outer.is_fresh = False

    def _close(self) -> None:
        if len(self._groups) > 1:
            group = self._groups.pop()
            self._last = group.size
            self._groups[-1].size += group.size
            if group.ends:
                self._end()
                return
        self._at += 1

    def _begin(self) -> None:
        """Take `^`; at the beginning of the answer it says what holds anyway, elsewhere nothing could match."""
        group = self._groups[-1]
        if not (group.begins and group.is_fresh):
            raise self._unknown("^ in the middle")
        self._at += 1

    def _end(self) -> None:
        """Take `$`, or the end of a group that has one: the same."""
        if self._text[self._at + 1 : self._at + 2] not in ("", "|", ")", "$"):
            raise self._unknown("$ in the middle")
        self._groups[-1].ends = True
        self._at += 1

    def _repeat(self) -> None:
        end = self._text.find("}", self._at)
        bounds = self._text[self._at + 1 : max(end, self._at + 1)].split(",")
        if end < 0 or not bounds[0].strip().isdecimal():
            self._take(1)
            return
        times = max((int(bound[:_MAX_DIGITS]) for bound in map(str.strip, bounds) if bound.isdecimal()), default=1)
        self._at = end + 1
        grown = self._last * max(times, 1)
        self._groups[-1].size += grown - self._last
        self._last = grown

    def _unknown(self, what: str) -> InvalidRequestError:
        return wrong(self._param, f"has a regular expression with {what}, which no grammar enforces")
