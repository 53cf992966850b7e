"""Kinds of conversation as data: what a client sends, and what a template should be given where that is not the same.

A case is one line. `sent` is what the client sends; `given` is what it amounts to, if it is something else; `merged` is
`given` for a template that knows no developer; the rest are fields of the request.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Messages = list[dict[str, Any]]


class Case(NamedTuple):
    sent: Messages
    given: Messages
    merged: Messages
    fields: dict[str, Any]


def case(sent: Messages, given: Messages | None = None, merged: Messages | None = None, **fields: Any) -> Case:
    given = sent if given is None else given
    return Case(sent, given, given if merged is None else merged, fields)


def user(content: Any = "What is a lane?", **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def system(content: Any = "Be brief.", **more: Any) -> dict[str, Any]:
    return {"role": "system", "content": content, **more}


def developer(content: Any = "Be kind.", **more: Any) -> dict[str, Any]:
    return {"role": "developer", "content": content, **more}


def said(content: Any = "A stream of jobs.", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def result(content: Any = '{"celsius": 7}', **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "abcdef123", "content": content, **more}


def parts(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text} for text in texts]


def call(arguments: Any = '{"city": "Bern"}', id_: str = "abcdef123") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def called(arguments: Any = '{"city": "Bern"}', content: Any = "", **more: Any) -> dict[str, Any]:
    return said(content, tool_calls=[call(arguments)], **more)


BERN = {"city": "Bern"}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where."}},
    "required": ["city"],
}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": PARAMETERS}}
TOOLS = [TOOL, {"type": "function", "function": {**TOOL["function"], "name": "forecast"}}]  # type: ignore[dict-item]
DOCUMENTS = [{"title": "Lanes", "text": "A lane holds jobs."}]
FED_BACK = {"refusal": None, "tool_calls": None, "function_call": None, "audio": None}
BOTH = {"reasoning": "Hm.", "reasoning_content": "Hm."}
OPEN: dict[str, Any] = {"add_generation_prompt": False, "continue_final_message": True}
ASKED = user("Weather in Bern?")
GIVEN = [ASKED, called(BERN), result()]

CASES: dict[str, Case] = {
    "user": case([user()]),
    "system": case([system(), user()]),
    "turns": case([user(), said(), user("And a job?")]),
    "system and turns": case([system(), user(), said(), user("And a job?"), said("Work."), user("Thanks.")]),
    "ends with the assistant": case([user(), said()]),
    "no generation prompt": case([user()], add_generation_prompt=False),
    "no generation prompt after an answer": case([user(), said()], add_generation_prompt=False),
    "two users": case([user(), user("Hello?")]),
    "begins with the assistant": case([said(), user()]),
    "system only": case([system()]),
    "two systems": case([system(), system("In French."), user()]),
    "system in the middle": case([user(), said(), system(), user()]),
    "developer": case([developer(), user()], merged=[system("Be kind."), user()]),
    "developer after the system": case(
        [system(), developer(), user()], merged=[system("Be brief.\n\nBe kind."), user()]
    ),
    "developer in the middle": case(
        [user(), said(), developer(), user()], merged=[system("Be kind."), user(), said(), user()]
    ),
    "developer in parts": case(
        [developer(parts("Be", "kind.")), user()], merged=[system(parts("Be", "kind.")), user()]
    ),
    "unknown role": case([{"role": "narrator", "content": "It rains."}, user()]),
    "one part": case([user(parts("What is a lane?"))]),
    "three parts": case([user(parts("alpha", "beta", "gamma"))]),
    "three parts of the system": case([system(parts("alpha", "beta", "gamma")), user()]),
    "three parts of the assistant": case([user(), said(parts("alpha", "beta", "gamma")), user("Go on.")]),
    "string as a part": case([user(["alpha", "beta"])], [user(parts("alpha", "beta"))]),
    "refusal as a part": case(
        [user(), said([{"type": "refusal", "refusal": "alpha"}]), user()], [user(), said(parts("alpha")), user()]
    ),
    "empty content": case([user("")]),
    "empty list": case([user([])], [user("")]),
    "no content of an answer": case([user(), said(None), user("Go on.")], [user(), said(""), user("Go on.")]),
    "content left out": case([user(), {"role": "assistant"}, user("Go on.")], [user(), said(""), user("Go on.")]),
    "unicode": case([user("水門 🌊 e\u0301 \u202e <|im_end|> </s> {{ 7 * 7 }} {% if %}")]),
    "whitespace": case([system("  alpha \n"), user(" \n bravo \n\n "), said("\tcharlie "), user("delta\r\n")]),
    "names": case([user(name="ann"), said(name="bob"), user("And?", name="ann")]),
    "tools": case([user()], tools=TOOLS),
    "system and tools": case([system(), user()], tools=TOOLS),
    "no tools": case([user()], tools=[]),
    "tool call": case([ASKED, called()], [ASKED, called(BERN)], tools=TOOLS),
    "tool call and result": case([ASKED, called(), result()], GIVEN, tools=TOOLS),
    "tool result in parts": case([ASKED, called(), result(parts('{"celsius": 7}'))], GIVEN, tools=TOOLS),
    "tool call, result and answer": case(
        [ASKED, called(), result(), said("7 degrees."), user()], [*GIVEN, said("7 degrees."), user()], tools=TOOLS
    ),
    "tool calls without the tools": case([ASKED, called(), result()], GIVEN),
    "two tool calls": case(
        [ASKED, said("", tool_calls=[call(), call(id_="ghijkl456")]), result(), result(tool_call_id="ghijkl456")],
        [ASKED, said("", tool_calls=[call(BERN), call(BERN, "ghijkl456")]), result(), result(tool_call_id="ghijkl456")],
        tools=TOOLS,
    ),
    "tool call with text": case(
        [ASKED, called(content="Let me see."), result()], [ASKED, called(BERN, "Let me see."), result()], tools=TOOLS
    ),
    "tool call without content": case([ASKED, called(content=None), result()], GIVEN, tools=TOOLS),
    "arguments as an object": case([ASKED, called(BERN), result()], GIVEN, tools=TOOLS),
    "arguments that are no JSON": case([ASKED, called("{bad"), result()], [ASKED, called({}), result()], tools=TOOLS),
    "arguments that are a list": case([ASKED, called("[1]"), result()], [ASKED, called({}), result()], tools=TOOLS),
    "arguments that are null": case([ASKED, called("null"), result()], [ASKED, called({}), result()], tools=TOOLS),
    "no arguments": case([ASKED, called(""), result()], [ASKED, called({}), result()], tools=TOOLS),
    "arguments in unicode": case(
        [ASKED, called('{"city": "Z\\u00fcrich <&>"}'), result()],
        [ASKED, called({"city": "Zürich <&>"}), result()],
        tools=TOOLS,
    ),
    "an answer fed back": case([user(), said(**FED_BACK), user("And?")], [user(), said(), user("And?")]),
    "an answer fed back with an empty list": case(
        [user(), said(tool_calls=[]), user("And?")], [user(), said(), user("And?")]
    ),
    "a tool call fed back": case(
        [ASKED, called(content=None, refusal=None, function_call=None), result()], GIVEN, tools=TOOLS
    ),
    "reasoning": case([user(), said(reasoning="Hm."), user("And?")], [user(), said(**BOTH), user("And?")]),
    "reasoning_content": case(
        [user(), said(reasoning_content="Hm."), user("And?")], [user(), said(**BOTH), user("And?")]
    ),
    "reasoning before a tool call": case(
        [ASKED, called(reasoning="Hm."), result()], [ASKED, called(BERN, **BOTH), result()], tools=TOOLS
    ),
    "thinking enabled": case([user()], variables={"enable_thinking": True}),
    "thinking disabled": case([user()], variables={"enable_thinking": False, "thinking": False}),
    "reasoning effort": case([user()], variables={"reasoning_effort": "low"}),
    "documents": case([user()], documents=DOCUMENTS),
    "continued answer": case([user(), said("Once upon")], **OPEN),
    "continued answer that ends with a space": case([user(), said("Once upon ")], **OPEN),
    "continued answer in parts": case([user(), said(parts("Once", "upon "))], **OPEN),
    "continued user": case([user("Once upon")], **OPEN),
}
