/** Where a job's answer is read: from the API itself, or from an address that a page has been given. */
export type Source = JobSource | UrlSource;

/** The job as the API has it; with a key where the ingress asks for one. */
export interface JobSource {
  job: string;
  /** Where the API is; this page's own origin if it is left out. */
  base?: string;
  key?: string;
}

/** What `POST /v1/jobs/{id}/stream-url` gave to whoever serves the page: the page itself needs no key. */
export interface UrlSource {
  /** A function is asked for an address anew whenever the time of the last one is over. */
  url: string | (() => string | Promise<string>);
}

/** Each is called once per event, in order; after a connection was lost as if it had not been. */
export interface Handlers {
  /** What a token adds to the answer. */
  text?(text: string, id: string): void;
  /** The event whole: a chunk of `/v1/chat/completions` or `/v1/completions`, usage and finish reason included. */
  chunk?(chunk: Chunk, id: string): void;
}

export interface Chunk {
  id: string;
  object: string;
  created: number;
  model: string;
  choices: Choice[];
  usage?: Usage | null;
}

export interface Choice {
  index: number;
  delta?: { role?: string; content?: string | null; [more: string]: unknown };
  text?: string;
  finish_reason: string | null;
  [more: string]: unknown;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** How a job failed, or why its stream was refused (which alone has a `status`). */
export interface Failure {
  message: string;
  type?: string;
  code?: string | null;
  param?: string | null;
  status?: number;
}

export interface Connection {
  /** The last event that was read; "" before the first. Kept, it is where `resume` goes on. */
  readonly lastEventId: string;
  /** Settles when nothing more will come: with null where the job completed, or `close` was called. Never rejects. */
  readonly ended: Promise<{ error: Failure | null }>;
  /** Read no more; the job goes on. */
  close(): void;
  /** End the job; its stream tells how. Rejects where that is not allowed. */
  cancel(): Promise<unknown>;
}

/** Read a job's answer from its beginning. */
export function connect(source: Source, handlers?: Handlers): Connection;

/** Read on after an event that was read before, in this page or in another. */
export function resume(source: Source, lastEventId: string, handlers?: Handlers): Connection;

/** End a job; resolves with it as it stands then, rejects where that is not allowed. */
export function cancel(source: Source): Promise<unknown>;
