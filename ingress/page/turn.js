// One turn of the conversation as it is shown.

import { element } from "./elements.js";
import { duration, plural, rate } from "./figures.js";

const NAMES = { user: "You", assistant: "Model" };

export class Turn {
  constructor(role, text, model = "") {
    this.#text = document.createTextNode(text);
    this.#figures = element("p", { class: "figures muted number" });
    const name = element("h3", { text: model || NAMES[role] });
    this.element = element("li", { class: `turn ${role}` }, name, element("p", { class: "text" }, this.#text));
    if (role === "assistant") this.element.append(this.#figures);
  }

  #text;
  #figures;

  get text() { return this.#text.data; }

  add(text) { this.#text.appendData(text); }

  /** While it comes, a screen reader waits for the whole. */
  set isBusy(busy) { this.element.setAttribute("aria-busy", String(busy)); }

  /** Pace, and a button that shows the job's timeline. */
  tell(pace, onTimeline) {
    const told = [`first token ${duration(pace.ttftMs)}`];
    if (pace.tokensPerSecond !== null) told.push(`${rate(pace.tokensPerSecond)} tokens/s`);
    if (pace.tokens) told.push(plural(pace.tokens, "token"));
    const spans = told.map((text) => element("span", { text }));
    const known = this.#figures.querySelector("button");
    const button = known ?? element("button", { type: "button", text: "Timeline", onclick: onTimeline });
    // Whoever stands on the button stays there.
    for (const old of this.#figures.querySelectorAll("span")) old.remove();
    this.#figures.prepend(...spans);
    if (!known) this.#figures.append(button);
  }

  fail(message) {
    this.element.append(element("p", { class: "fault", text: message }));
  }
}
