// The caller's batches that have not ended: how far each is, how fast it goes, and how long it has left at that.

import { json } from "./api.js";
import { bar, byId, element } from "./elements.js";
import { count, rate, timeLeft } from "./figures.js";

/** As many as the service lists at once: of the newest, those that have not ended are shown. */
const NEWEST = 100;
const ENDED = new Set(["completed", "failed", "expired", "cancelled"]);

export class Batches {
  /** By id: since when it is watched, and how many of its requests had ended then. */
  #first = new Map();
  #isLooking = false;

  async look() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { data } = await json(`/v1/batches?limit=${NEWEST}`);
      this.#show(data.filter(({ status }) => !ENDED.has(status)));
    } catch {
      // The live state says what is the matter.
    } finally {
      this.#isLooking = false;
    }
  }

  #show(batches) {
    const ids = new Set(batches.map(({ id }) => id));
    for (const id of this.#first.keys()) if (!ids.has(id)) this.#first.delete(id);
    byId("batches-card").hidden = !batches.length;
    byId("batches").replaceChildren(...batches.map((batch) => this.#row(batch)));
  }

  #row({ id, status, request_counts: { total, completed, failed } }) {
    const done = completed + failed;
    const line = element(
      "div",
      { class: "job-line" },
      element("code", { text: id, title: id }),
      element("span", { class: `chip ${status === "cancelling" ? "warn" : ""}`, text: status }),
      element("span", { class: "took muted number", text: total ? this.#told(id, status, done, total, failed) : "" }),
    );
    return element("li", {}, line, bar(total ? done / total : 0));
  }

  #told(id, status, done, total, failed) {
    const nowMs = performance.now();
    const first = this.#first.get(id) ?? { ms: nowMs, done };
    this.#first.set(id, first);
    const perSecond = nowMs > first.ms ? ((done - first.done) * 1000) / (nowMs - first.ms) : 0;
    return [
      `${count(done)} of ${count(total)} requests`,
      failed ? `${count(failed)} failed` : "",
      perSecond ? `${rate(perSecond)}/s` : "",
      // One that is being cancelled ends at another pace.
      perSecond && status === "in_progress" ? `${timeLeft((total - done) / perSecond)} left` : "",
    ].filter(Boolean).join(", ");
  }
}
