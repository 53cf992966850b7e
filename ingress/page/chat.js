// Asking, and watching the answer come: by the job's events, so that a reload loses nothing of it.

import { connect } from "/penstock.js";
import { json } from "./api.js";
import { load, messages, save } from "./conversation.js";
import { byId } from "./elements.js";
import { duration, plural, rate } from "./figures.js";
import { key } from "./key.js";
import { Pace } from "./pace.js";
import { Turn } from "./turn.js";

/** So near to its end a log goes on to show what comes. */
const NEAR_PX = 80;

export class Chat {
  #conversation = load();
  #connection = null;
  #showJob;
  #onChange;

  /** `showJob` shows a job's timeline; `onChange` hears that a job was made, or ended. */
  constructor(showJob, onChange) {
    this.#showJob = showJob;
    this.#onChange = onChange;
    byId("ask").addEventListener("submit", (event) => { event.preventDefault(); this.#ask(); });
    byId("question").addEventListener("keydown", (event) => this.#onKey(event));
    byId("stop").addEventListener("click", () => this.#stop());
    byId("new-chat").addEventListener("click", () => this.#clear());
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.defaultPrevented) this.#stop(); });
    byId("model").addEventListener("change", () => this.#keep({ model: byId("model").value }));
    for (const turn of this.#conversation.turns) this.#show(turn);
    this.#settle();
    if (this.#conversation.pending) this.#follow(true);
  }

  async loadModels() {
    const { data } = await json("/v1/models");
    const options = data.map(({ id }) => new Option(id, id, false, id === this.#conversation.model));
    byId("model").replaceChildren(...options);
    this.#settle();
  }

  #onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("ask").requestSubmit();
  }

  async #ask() {
    const question = byId("question").value.trim();
    const model = byId("model").value;
    if (!question || !model || this.#conversation.pending) return;
    const asked = { role: "user", content: question };
    const shown = this.#show(asked);
    byId("question").value = "";
    this.#settle(true);
    this.#say("Asking …");
    const askedMs = Date.now();
    try {
      const turns = [...this.#conversation.turns, asked];
      const body = { endpoint: "/v1/chat/completions", body: { model, messages: messages(turns) }, class: "interactive" };
      const { id } = await json("/v1/jobs", { method: "POST", body });
      this.#keep({ model, turns, pending: { job: id, model, askedMs } });
      this.#onChange();
      this.#follow(false);
    } catch (error) {
      shown.element.remove();
      if (!byId("question").value) byId("question").value = question;
      this.#settle();
      this.#say(error.retryAfter ? `${error.message} Try again in ${error.retryAfter} s.` : error.message, true);
    }
  }

  async #follow(isResumed) {
    const { job, model, askedMs, firstMs, lastMs } = this.#conversation.pending;
    const pace = new Pace(askedMs, { firstMs, lastMs });
    const turn = new Turn("assistant", "", model);
    turn.isBusy = true;
    this.#append(turn);
    this.#settle();
    this.#say(isResumed ? "The answer goes on." : "Waiting for the first token.");
    this.#connection = connect({ job, key: key() }, {
      text: (text) => { this.#scrolling(() => turn.add(text)); },
      chunk: (_, id) => this.#pace(turn, pace, id),
    });
    const { error } = await this.#connection.ended;
    this.#connection = null;
    if (isResumed) await this.#exact(pace, job);
    this.#finish(turn, pace, error);
  }

  #pace(turn, pace, id) {
    const isFirst = pace.firstMs === null;
    pace.note(id);
    if (pace.firstMs === null) return;
    const { firstMs, lastMs } = pace;
    const pending = { ...this.#conversation.pending, firstMs, lastMs };
    if (isFirst) this.#say("The answer is coming.");
    if (isFirst) this.#keep({ pending });
    else this.#conversation = { ...this.#conversation, pending };
    this.#tell(turn, pace, pending.job);
  }

  #finish(turn, pace, error) {
    const { job, model } = this.#conversation.pending;
    const isStopped = error?.code === "job_cancelled";
    const fault = error ? (isStopped ? "Stopped." : error.message) : "";
    const ended = { role: "assistant", content: turn.text, job, model, fault, pace: { ...pace } };
    this.#keep({ turns: [...this.#conversation.turns, ended], pending: null });
    turn.isBusy = false;
    this.#scrolling(() => {
      if (pace.tokens) this.#tell(turn, pace, job);
      if (fault) turn.fail(fault);
      this.#settle();
      this.#say(fault || `Done: ${plural(pace.tokens, "token")}, the first after ${duration(pace.ttftMs)}${perSecond(pace)}.`);
    });
    this.#onChange();
  }

  /** What came while nobody looked came at its own pace: the job's record has it. */
  async #exact(pace, job) {
    try {
      const { timings } = await json(`/v1/jobs/${job}`);
      if (timings.ttft_ms === null) return;
      pace.firstMs = pace.askedMs + timings.ttft_ms;
      pace.lastMs = pace.askedMs + timings.total_ms;
    } catch {
      // Then what was measured here has to do.
    }
  }

  #show({ role, content, model, job, pace, fault }) {
    const turn = new Turn(role, content, model);
    if (pace?.tokens) this.#tell(turn, Object.assign(new Pace(pace.askedMs, pace), { tokens: pace.tokens }), job);
    if (fault) turn.fail(fault);
    this.#append(turn);
    return turn;
  }

  #tell(turn, pace, job) {
    turn.tell(pace, () => this.#showJob(job));
  }

  async #stop() {
    const connection = this.#connection;
    if (!connection) return;
    this.#say("Stopping …");
    byId("stop").disabled = true;
    try {
      await connection.cancel();
    } catch (error) {
      this.#say(`It could not be stopped: ${error.message}`, true);
      byId("stop").disabled = false;
    }
  }

  #clear() {
    if (this.#conversation.pending) return;
    this.#keep({ turns: [] });
    byId("turns").replaceChildren();
    this.#settle();
    this.#say("");
    byId("question").focus();
  }

  #append(turn) {
    byId("turns").append(turn.element);
    byId("log").scrollTop = byId("log").scrollHeight;
  }

  /** Whoever reads further up is left there. */
  #scrolling(change) {
    const log = byId("log");
    const isNear = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
    change();
    if (isNear) log.scrollTop = log.scrollHeight;
  }

  /** Show what can be done by now. */
  #settle(isAsking = false) {
    const isBusy = isAsking || Boolean(this.#conversation.pending);
    const hadFocus = [byId("send"), byId("stop")].includes(document.activeElement);
    byId("empty").hidden = byId("turns").childElementCount > 0;
    byId("send").hidden = isBusy;
    byId("send").disabled = !byId("model").value;
    byId("stop").hidden = !isBusy;
    byId("stop").disabled = isAsking;
    // Whoever stood on a button that is gone goes on with the other, or with the next question.
    if (hadFocus) byId(isBusy ? "stop" : "question").focus();
    byId("new-chat").disabled = isBusy;
  }

  #say(text, isFault = false) {
    byId("status").textContent = text;
    byId("status").classList.toggle("fault", isFault);
  }

  #keep(changes) {
    this.#conversation = { ...this.#conversation, ...changes };
    save(this.#conversation);
  }

  /** Before the page goes: what only tokens changed. */
  keep() { save(this.#conversation); }
}

const perSecond = (pace) => (pace.tokensPerSecond === null ? "" : `, ${rate(pace.tokensPerSecond)} per second`);
