// Requests to the API that this page comes from.

import { headers, key, newKey } from "./key.js";

/** A refusal in words; `retryAfter` in seconds where the service said when to come back. */
export class Refusal extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The response to a request; where a key is asked for, once there is one. Throws Refusal. */
export async function request(path, { method = "GET", body, signal } = {}) {
  for (;;) {
    const used = key();
    const sent = body === undefined ? {} : { "content-type": "application/json" };
    const answer = await fetch(path, {
      method,
      signal,
      headers: { ...headers(), ...sent },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await refusalOf(answer);
    await newKey(used);
  }
}

export async function json(path, options) {
  return (await request(path, options)).json();
}

async function refusalOf(answer) {
  const told = await answer.json().catch(() => null);
  const message = told?.error?.message ?? `${answer.status} ${answer.statusText}`;
  return new Refusal(message, answer.status, answer.headers.get("retry-after"));
}
