// Follows the answer of a Penstock job, and goes on exactly where it broke off; typed by penstock.d.ts.

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;
/** How often in a row an address of the page's own may turn out to be over, before it counts as refused. */
const MOST_RENEWALS = 5;

export const connect = (source, handlers = {}) => new Connection(source, "", handlers);
export const resume = (source, lastEventId, handlers = {}) => new Connection(source, lastEventId, handlers);

export async function cancel(source) {
  const answer = await fetch(await addressOf(source), { method: "DELETE", headers: headersOf(source) });
  if (!answer.ok) throw await refusalOf(answer);
  return answer.json();
}

class Connection {
  #source; #handlers; #finish;
  #closing = new AbortController();
  #failures = 0;

  constructor(source, lastEventId, handlers) {
    this.#source = source;
    this.#handlers = handlers;
    this.lastEventId = lastEventId;
    this.ended = new Promise((resolve) => { this.#finish = resolve; });
    this.#follow();
  }

  close() { this.#end(null); }
  cancel() { return cancel(this.#source); }

  async #follow() {
    for (; !this.#closing.signal.aborted; await pause(this.#failures++)) {
      try {
        await (this.#source.url ? this.#listen() : this.#read());
      } catch (error) {
        if (error.isFinal) this.#end(error);
      }
    }
  }

  /** By an EventSource, which connects again by itself until it is refused: then a plain request tells why. */
  async #listen() {
    const url = await addressOf(this.#source);
    const events = new EventSource(after(url, this.lastEventId));
    await new Promise((resolve) => {
      this.#closing.signal.addEventListener("abort", resolve);
      events.onmessage = ({ lastEventId, data }) => this.#take(lastEventId, data);
      events.addEventListener("end", () => this.#end(null));
      events.onerror = () => { if (events.readyState === EventSource.CLOSED) resolve(); };
    });
    events.close();
    if (!this.#closing.signal.aborted) (await this.#ask(url)).body?.cancel();
  }

  async #read() {
    const answer = await this.#ask(await addressOf(this.#source, "/events"));
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let [id, data, rest] = ["", "", ""];
    for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("id: ")) id = line.slice(4);
        else if (line.startsWith("data: ")) data = line.slice(6);
        else if (!line && data) { this.#take(id, data); data = ""; }
      }
    }
  }

  async #ask(url) {
    const options = { headers: headersOf(this.#source), signal: this.#closing.signal };
    const answer = await fetch(after(url, this.lastEventId), options);
    if (answer.status === 204) this.#end(null);
    const isRenewable = typeof this.#source.url === "function" && this.#failures < MOST_RENEWALS;
    if (!answer.ok) throw await refusalOf(answer, isRenewable);
    return answer;
  }

  #take(id, data) {
    if (this.#closing.signal.aborted) return;
    this.lastEventId = id;
    this.#failures = 0;
    const chunk = data === "[DONE]" ? null : JSON.parse(data);
    if (!chunk || chunk.error) return this.#end(chunk && chunk.error);
    const [choice] = chunk.choices;
    this.#tell(this.#handlers.chunk, chunk, id);
    const text = choice?.delta?.content ?? choice?.text;
    if (text) this.#tell(this.#handlers.text, text, id);
  }

  /** A handler's mistake is the page's matter and must not stop the answer. */
  #tell(handler, ...news) {
    try { handler?.(...news); } catch (error) { reportError(error); }
  }

  #end(error) { this.#closing.abort(); this.#finish({ error }); }
}

const headersOf = ({ key }) => (key ? { authorization: `Bearer ${key}` } : {});
const after = (url, id) => (id ? `${url}${url.includes("?") ? "&" : "?"}after=${encodeURIComponent(id)}` : url);

function pause(failures) {
  const longestMs = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  return new Promise((resolve) => { setTimeout(resolve, longestMs * (0.5 + Math.random() / 2)); });
}

async function addressOf({ url, base = "", job }, part = "") {
  if (url) return typeof url === "function" ? url() : url;
  return `${base}/v1/jobs/${encodeURIComponent(job)}${part}`;
}

async function refusalOf(answer, isRenewable = false) {
  const { error } = await answer.json().catch(() => ({ error: { message: answer.statusText } }));
  const isPassing = answer.status >= 500 || [408, 429].includes(answer.status);
  const isFinal = !isPassing && !(answer.status === 401 && isRenewable);
  return Object.assign(new Error(error.message), { ...error, status: answer.status, isFinal });
}
