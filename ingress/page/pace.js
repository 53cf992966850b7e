// How fast an answer comes: its time to first token, and tokens per second since. Times are Unix milliseconds.

export class Pace {
  /** `kept` is what an earlier page knew of the same answer. */
  constructor(askedMs, kept = {}) {
    this.askedMs = askedMs;
    this.firstMs = kept.firstMs ?? null;
    this.lastMs = kept.lastMs ?? null;
    this.tokens = 0;
  }

  /** An event came, whose id says how many tokens there are by now. */
  note(id, nowMs = Date.now()) {
    this.tokens = Number(/(\d+)(?:\.\d+)?$/.exec(id)[1]);
    if (this.tokens > 0) {
      this.firstMs ??= nowMs;
      this.lastMs = nowMs;
    }
  }

  get ttftMs() { return this.firstMs === null ? null : this.firstMs - this.askedMs; }

  /** Null before the second token. */
  get tokensPerSecond() {
    const ms = this.lastMs - this.firstMs;
    return this.tokens > 1 && ms > 0 ? ((this.tokens - 1) * 1000) / ms : null;
  }
}
