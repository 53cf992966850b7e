// The pools as they change: `/v1/pools/events`, read for as long as the page is looked at.

import { request } from "./api.js";

const PAUSE_MS = 1500;

/** Calls `onPools` with every state, and `onTrouble` with why there is none at the moment ("" when there is again). */
export function watchPools(onPools, onTrouble) {
  let reading = null;
  const look = async () => {
    if (reading || document.hidden) return;
    reading = new AbortController();
    const { signal } = reading;
    while (!signal.aborted) {
      try {
        await read(signal, (pools) => { onTrouble(""); onPools(pools); });
      } catch (error) {
        if (!signal.aborted) onTrouble(error.status ? error.message : "The service cannot be reached; trying again.");
      }
      if (!signal.aborted) await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      reading?.abort();
      reading = null;
    } else look();
  });
  look();
}

async function read(signal, onPools) {
  const answer = await request("/v1/pools/events", { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    const states = lines.filter((line) => line.startsWith("data: "));
    // Of several that came together only the newest is of use.
    if (states.length) onPools(JSON.parse(states.at(-1).slice(6)).data);
  }
}
