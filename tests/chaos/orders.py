"""What clients ask for, and what they must get: any order's answer is known before it is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from penstock.request import Api, parse, sampling
from penstock.text.chat.conversation import Conversation
from penstock.text.sim_tokenizer import SimulatedTokenizer
from tests.simulated_answers import expected_text, expected_tokens
from workers.engine.simulated import SimulatedSettings

PATHS = {Api.CHAT: "/v1/chat/completions", Api.COMPLETION: "/v1/completions"}


@dataclass(frozen=True)
class Order:
    """A request body, told from all others by its prompt, and the one right answer to it."""

    number: int
    pool: str
    #: In the prompt: names the order in whatever record it left.
    mark: str
    api: Api
    body: dict[str, Any]
    text: str
    #: Generated tokens, those without text included, where no stop string cuts them short.
    tokens: list[int]

    @property
    def path(self) -> str:
        """The endpoint."""
        return PATHS[self.api]


class OrderBook:
    """Draws orders; the same seed draws the same."""

    def __init__(self, seed: int, engine: Mapping[str, Any], pools: Sequence[str]) -> None:
        self._seed = seed
        self._pools = pools
        self._engine = SimulatedSettings.parse(engine)
        self._tokenizer = SimulatedTokenizer()
        self._count = 0
        self._probes = count()

    def next(self) -> Order:
        """The next order."""
        number = self._count
        self._count += 1
        random = Random(f"{self._seed}/order/{number}")
        api = random.choice([Api.CHAT, Api.CHAT, Api.COMPLETION])
        pool = random.choice(self._pools)
        mark = f"order {self._seed}.{number};"
        body = {"model": pool, **_body(api, mark, random)}
        if random.random() < 0.2:
            body["stop"] = self._stop_string(api, body, random)
        return self._order(number, pool, mark, api, body)

    def probe(self, pool: str) -> Order:
        """The smallest order there is, not one of the draw."""
        number = next(self._probes)
        mark = f"order {self._seed}.p{number};"
        return self._order(number, pool, mark, Api.COMPLETION, {"model": pool, "prompt": mark, "max_tokens": 1})

    def _order(self, number: int, pool: str, mark: str, api: Api, body: dict[str, Any]) -> Order:
        chosen = sampling(parse(api, json.dumps(body).encode()))
        prompt = self._prompt(api, body)
        return Order(
            number=number,
            pool=pool,
            mark=mark,
            api=api,
            body=body,
            text=expected_text(prompt, chosen, self._engine),
            tokens=expected_tokens(prompt, chosen, self._engine),
        )

    def _prompt(self, api: Api, body: Mapping[str, Any]) -> list[int]:
        if api is Api.CHAT:
            return self._tokenizer.chat(Conversation(messages=body["messages"]))
        return self._tokenizer.encode(body["prompt"])

    def _stop_string(self, api: Api, body: Mapping[str, Any], random: Random) -> str:
        """A few characters from the middle of the answer: they straddle tokens, and any cut between workers."""
        chosen = sampling(parse(api, json.dumps(body).encode()))
        whole = expected_text(self._prompt(api, body), chosen, self._engine)
        start = random.randrange(len(whole) // 2, len(whole))
        return whole[start : start + random.randint(3, 12)]


def _body(api: Api, mark: str, random: Random) -> dict[str, Any]:
    prompt = f"{mark} {'word ' * random.randint(1, 40)}"
    body: dict[str, Any] = {"temperature": random.choice([0, 1]), "seed": random.randrange(1000)}
    if random.random() < 0.7:
        body["max_tokens"] = random.choice([1, 5, 40, 120, 200])
    if api is Api.CHAT:
        return {**body, "messages": [{"role": "user", "content": prompt}]}
    return {**body, "prompt": prompt, "max_tokens": body.get("max_tokens", 80)}
