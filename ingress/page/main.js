// The page put together.

import { Batches } from "./batches.js";
import { Chat } from "./chat.js";
import { byId } from "./elements.js";
import { Jobs } from "./jobs.js";
import { setUpKey } from "./key.js";
import { PoolCard } from "./pool_card.js";
import { watchPools } from "./pools.js";

const RETRY_MS = 2000;

setUpKey();
const jobs = new Jobs();
const chat = new Chat((id) => jobs.show(id), () => jobs.refresh());
const batches = new Batches();
const cards = new Map();

function showPools(pools) {
  for (const pool of pools) {
    if (!cards.has(pool.id)) {
      cards.set(pool.id, new PoolCard(pool.id));
      byId("pools").append(cards.get(pool.id).element);
    }
    cards.get(pool.id).show(pool);
  }
  const serving = pools.filter(({ serves }) => serves).length;
  const isWhole = serving === pools.length;
  tellService(isWhole ? "serving" : `${serving} of ${pools.length} pools serve`, isWhole ? "good" : "bad");
  jobs.refresh();
  batches.look();
}

function tellService(text, kind) {
  // A text that is the same is not said again.
  if (byId("service").textContent === text) return;
  byId("service").textContent = text;
  byId("service").className = `chip ${kind}`;
}

function tellTrouble(text) {
  byId("live-note").textContent = text;
  if (text) tellService("out of reach", "bad");
}

async function loadModels() {
  for (;;) {
    try {
      return await chat.loadModels();
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

/** The chat is as high as the head of the page leaves room for, which takes a line more where there is a key. */
new ResizeObserver(([{ target }]) => {
  document.documentElement.style.setProperty("--head", `${target.offsetHeight}px`);
}).observe(byId("head"));

addEventListener("pagehide", () => chat.keep());
watchPools(showPools, tellTrouble);
loadModels();
