"""The tokenizers of the served models, each loaded when it is first needed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from penstock.intake.new_job import model_not_found
from penstock.settings import EngineName
from penstock.text.hf_tokenizer import HfTokenizer
from penstock.text.sim_tokenizer import SimulatedTokenizer

if TYPE_CHECKING:
    from penstock.settings import PoolSettings, Settings
    from penstock.text.tokenizer import Tokenizer

#: What a simulated engine has unless it is told otherwise.
SIMULATED_CONTEXT_TOKENS = 8192


class Tokenizers:
    """Tokenizers by pool."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: dict[str, Tokenizer] = {}
        self._loading = asyncio.Lock()

    def pool(self, model: str | None) -> PoolSettings:
        """The pool of a model; without a name, of the only one there is. Raises ModelNotFoundError."""
        return self._settings.pools[self._name(model)]

    async def get(self, model: str | None) -> Tokenizer:
        """The tokenizer of a model. Raises ModelNotFoundError."""
        name = self._name(model)
        async with self._loading:
            if name not in self._loaded:
                self._loaded[name] = await asyncio.to_thread(_load, self._settings.pools[name])
        return self._loaded[name]

    def _name(self, model: str | None) -> str:
        models = self._settings.models
        if model is None and len(models) == 1:
            model = next(iter(models))
        pool = self._settings.pool_of(model) if model is not None else None
        if pool is None:
            raise model_not_found(model, self._settings)
        return pool


def max_model_len(pool: PoolSettings) -> int | None:
    """The context length in tokens, where the configuration or the model's folder tells it."""
    options = pool.options
    limit = (options.get("engine_args") or {}).get("max_model_len") or options.get("max_model_len")
    if limit is None and pool.engine is EngineName.SIMULATED:
        limit = SIMULATED_CONTEXT_TOKENS
    if limit is None and pool.model is not None:
        config = json.loads((pool.model / "config.json").read_text())
        limit = (config.get("text_config") or config).get("max_position_embeddings")
    return limit if isinstance(limit, int) else None


def _load(pool: PoolSettings) -> Tokenizer:
    return SimulatedTokenizer() if pool.model is None else HfTokenizer(pool.model, pool.options.get("chat_template"))
