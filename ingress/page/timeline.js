// One job's way: queued, assigned, first token, done, and every attempt.

import { json } from "./api.js";
import { element } from "./elements.js";
import { clock, duration, plural } from "./figures.js";

/** A view of a job that is kept up to date by `refresh`. */
export class Timeline {
  constructor(job) {
    this.job = job;
    this.isOver = false;
    this.element = element("div", { class: "timeline" }, element("p", { class: "muted", text: "Loading …" }));
  }

  /** Look again, unless nothing can have changed; resolves with the job where there was one to look at. */
  async refresh() {
    if (this.isOver) return null;
    try {
      const job = await json(`/v1/jobs/${this.job}`);
      this.isOver = job.timings.total_ms !== null;
      this.element.replaceChildren(track(job), steps(job), attempts(job));
      return job;
    } catch (error) {
      this.isOver = error.status === 404;
      this.element.replaceChildren(element("p", { class: "fault", text: error.message }));
      return null;
    }
  }
}

/** Where each part ends, in milliseconds after the job was accepted; the last one reached goes on to now. */
function parts({ created_at, timings }) {
  const nowMs = timings.total_ms ?? Math.max(Date.now() - created_at * 1000, 1);
  const assignedMs = Math.min(timings.queued_ms ?? nowMs, nowMs);
  const firstMs = Math.max(Math.min(timings.ttft_ms ?? nowMs, nowMs), assignedMs);
  return { wait: assignedMs, prefill: firstMs - assignedMs, decode: nowMs - firstMs };
}

function track(job) {
  const found = parts(job);
  const spans = Object.entries(found).map(([name, ms]) => element("span", { class: name, "--part": ms }));
  return element("div", { class: "track", "aria-hidden": "true" }, ...spans);
}

function steps({ created_at, timings, state, error }) {
  const isEnded = timings.total_ms !== null;
  const rows = [
    ["", "Queued", clock(created_at)],
    ["wait", "Assigned", timings.queued_ms === null ? "not yet" : `after ${duration(timings.queued_ms)}`],
    ["prefill", "First token", timings.ttft_ms === null ? (isEnded ? "none" : "not yet") : `after ${duration(timings.ttft_ms)}`],
    ["decode", isEnded ? state : "Done", isEnded ? `after ${duration(timings.total_ms)}` : "not yet"],
  ];
  if (error) rows.push(["", "Why", error.message]);
  return element("dl", {}, ...rows.flatMap(([kind, name, text]) => [
    element("dt", {}, ...(kind ? [element("span", { class: `key ${kind}`, "aria-hidden": "true" })] : []), name),
    element("dd", { text }),
  ]));
}

/** Each worker that had it, from when on, and what became of that. */
function attempts({ assignments, attempts, lost, state, usage }) {
  const losses = [...lost];
  const rows = assignments.map(({ worker, at_ms }, index) => {
    const isLast = index + 1 === attempts;
    const loss = losses.findIndex((one) => one.worker === worker);
    const [lostHere] = loss < 0 ? [] : losses.splice(loss, 1);
    const tokens = isLast && usage ? `, ${plural(usage.completion_tokens, "token")} in all` : "";
    const fate = isLast ? `${state}${tokens}` : "given back";
    const end = lostHere ? `lost after ${plural(lostHere.tokens, "token")} (${lostHere.reason})` : fate;
    return [`Attempt ${index + 1}`, `${worker} at ${clock(at_ms / 1000)}: ${end}`];
  });
  return element("dl", {}, ...rows.flatMap(([name, text]) => [element("dt", { text: name }), element("dd", { text })]));
}
