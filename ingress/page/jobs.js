// The caller's recent jobs, newest first; each opens to its timeline.

import { json } from "./api.js";
import { byId, element } from "./elements.js";
import { duration } from "./figures.js";
import { Timeline } from "./timeline.js";

const SHOWN = 10;
const LEAST_MS = 1000;
const STATES = { completed: "good", failed: "bad", dead_lettered: "bad", expired: "bad", cancelled: "warn" };

export class Jobs {
  #rows = new Map();
  #timer = null;
  #isDue = false;

  /** The list may have changed: look once, and at most so often. */
  refresh() {
    this.#isDue = true;
    this.#timer ??= setTimeout(() => this.#look(), 0);
  }

  /** Open a job's timeline, whether it is in the list or not. */
  async show(id) {
    await this.#look();
    const row = this.#rows.get(id) ?? this.#add(id);
    if (!row.element.isConnected) byId("jobs").append(row.element);
    byId("no-jobs").hidden = true;
    row.open();
    row.button.scrollIntoView({ block: "nearest" });
    row.button.focus();
  }

  async #look() {
    clearTimeout(this.#timer);
    this.#isDue = false;
    try {
      const { data } = await json(`/v1/jobs?limit=${SHOWN}`);
      this.#show(data);
      await Promise.all([...this.#rows.values()].map((row) => row.refresh()));
    } catch {
      // The live state says what is the matter.
    }
    const again = () => { this.#timer = null; if (this.#isDue) this.refresh(); };
    this.#timer = setTimeout(again, LEAST_MS);
  }

  #show(jobs) {
    byId("no-jobs").hidden = jobs.length > 0;
    const listed = new Set(jobs.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (!listed.has(id) && !row.isOpen) { row.element.remove(); this.#rows.delete(id); }
    }
    const rows = jobs.map((job) => { const row = this.#rows.get(job.id) ?? this.#add(job.id); row.show(job); return row; });
    // A row that is in its place is not moved: it may have the focus.
    rows.forEach((row, at) => {
      const list = byId("jobs");
      if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
    });
  }

  #add(id) {
    const row = new Row(id);
    this.#rows.set(id, row);
    return row;
  }
}

class Row {
  #state = element("span", { class: "chip" });
  #took = element("span", { class: "took muted number" });
  #timeline = null;

  constructor(id) {
    this.id = id;
    this.button = element("button", { type: "button", "aria-expanded": "false", text: id, onclick: () => this.#toggle() });
    this.element = element("li", {}, element("div", { class: "job-line" }, this.button, this.#state, this.#took));
  }

  get isOpen() { return this.#timeline !== null; }

  show({ state, model, timings, class: jobClass }) {
    this.#state.textContent = state;
    this.#state.className = `chip ${STATES[state] ?? ""}`;
    this.#took.textContent = `${model}, ${jobClass}${timings.total_ms === null ? "" : `, ${duration(timings.total_ms)}`}`;
  }

  open() { if (!this.isOpen) this.#toggle(); }

  async refresh() {
    const job = await this.#timeline?.refresh();
    if (job) this.show(job);
  }

  #toggle() {
    if (this.#timeline) {
      this.#timeline.element.remove();
      this.#timeline = null;
    } else {
      this.#timeline = new Timeline(this.id);
      this.element.append(this.#timeline.element);
      this.refresh();
    }
    this.button.setAttribute("aria-expanded", String(this.isOpen));
  }
}
