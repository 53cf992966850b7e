// One pool: whether it serves, how fast, what waits by class, and its workers with their load.

import { bar, element, unseen } from "./elements.js";
import { count, percent, plural, rate } from "./figures.js";
import { Sparkline } from "./sparkline.js";

const STATES = { ready: "good", starting: "warn", draining: "warn", stalled: "bad", lost: "bad", failed: "bad" };

export class PoolCard {
  #title;
  #chip = element("span", { class: "chip" });
  #models = element("p", { class: "models muted" });
  #trouble = element("p", { class: "fault" });
  #rate = element("strong", { class: "number" });
  #jobs = element("span", { class: "muted number" });
  #line = new Sparkline();
  #queue = element("tbody");
  #workers = element("tbody");

  constructor(id) {
    this.#title = element("h3", { id: `pool-${id}`, text: `Pool ${id}` });
    this.element = element(
      "section",
      { class: "card", "aria-labelledby": `pool-${id}` },
      element("header", {}, this.#title, this.#chip, this.#models),
      this.#trouble,
      element("div", { class: "rate" }, element("p", {}, this.#rate, " tokens/s"), this.#jobs, this.#line.element),
      table("Queue", ["Class", "", "Jobs", "Size"], this.#queue),
      table("Workers", ["Worker", "State", "Load", "Tokens/s"], this.#workers),
    );
  }

  show(pool) {
    this.#chip.textContent = pool.serves ? "serving" : "not serving";
    this.#chip.className = `chip ${pool.serves ? "good" : "bad"}`;
    this.#models.textContent = `Serves ${pool.models.join(", ") || "no model"}`;
    const troubles = [pool.has_leader ? "" : "No scheduler leads it.", pool.failing, ...pool.troubles].filter(Boolean);
    this.#trouble.textContent = troubles.join(" ");
    this.#trouble.hidden = !troubles.length;
    this.#rate.textContent = rate(pool.tokens_per_s);
    this.#jobs.textContent = `${pool.jobs_per_s.toFixed(2)} jobs/s`;
    this.#line.add(pool.tokens_per_s);
    const most = Math.max(...Object.values(pool.queue).map(({ jobs }) => jobs), 1);
    this.#queue.replaceChildren(...Object.entries(pool.queue).map(([name, waiting]) => queueRow(name, waiting, most)));
    this.#workers.replaceChildren(...pool.workers.map(workerRow));
  }
}

function table(caption, columns, body) {
  const heads = columns.map((text, at) => element("th", { scope: "col", class: at > 1 ? "number" : "", text }));
  return element("table", {}, element("caption", { text: caption }), element("thead", {}, element("tr", {}, ...heads)), body);
}

const queueRow = (name, { jobs, bytes }, most) => element(
  "tr",
  {},
  element("th", { scope: "row", text: name }),
  element("td", {}, bar(jobs / most)),
  element("td", { class: "number", text: count(jobs) }),
  element("td", { class: "number", text: size(bytes) }),
);

const workerRow = (worker) => element(
  "tr",
  {},
  element("th", { scope: "row", class: "worker", text: worker.name }),
  element("td", { class: STATES[worker.state] ?? "", text: worker.state, title: worker.why }),
  element(
    "td",
    { class: "number" },
    unseen(`${worker.jobs} of ${plural(worker.slots, "slot")}, KV cache ${percent(worker.kv_cache_usage)}`),
    element("span", { "aria-hidden": "true", text: `${count(worker.jobs)}/${count(worker.slots)}` }),
    bar(worker.slots ? worker.jobs / worker.slots : 0),
  ),
  element("td", { class: "number", text: rate(worker.tokens_per_s) }),
);

const size = (bytes) => (bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
