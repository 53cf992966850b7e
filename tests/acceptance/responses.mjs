// The Responses API by OpenAI's JavaScript client, at two ingresses; prints what the test compares.
import assert from "node:assert/strict";

const [home, here, elsewhere] = process.argv.slice(2);
const { default: OpenAI } = await import(`${home}/node_modules/openai/index.mjs`);
const [client, other] = [here, elsewhere].map(
  (url) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none needed", maxRetries: 0 }),
);

async function ended(id) {
  for (;;) {
    const response = await other.responses.retrieve(id);
    if (!["queued", "in_progress"].includes(response.status)) return response;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function collected(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const made = await client.responses.create({ model: "sim", input: "javascript" });
const kept = await other.responses.retrieve(made.id);
assert.equal(kept.output_text ?? kept.output[0].content[0].text, made.output_text);

const final = await client.responses.stream({ model: "sim", input: "javascript" }).finalResponse();
assert.equal(final.output_text, made.output_text);

const polled = await client.responses.create({ model: "sim", input: "javascript", background: true });
assert.equal(polled.status, "queued");
assert.equal((await ended(polled.id)).status, "completed");

const begun = [];
for await (const event of await client.responses.create({ model: "sim", input: "javascript", background: true, stream: true })) {
  begun.push(event);
  if (begun.length === 10) break;
}
const id = begun[0].response.id;
const rest = await collected(await other.responses.retrieve(id, { stream: true, starting_after: 9 }));
const whole = await collected(await client.responses.retrieve(id, { stream: true }));
assert.deepEqual([...begun, ...rest], whole);
assert.deepEqual(whole.map((event) => event.sequence_number), [...whole.keys()]);

const cancelled = await client.responses.create({ model: "sim", input: "never", background: true, min_tokens: 2000, max_output_tokens: 2000 });
assert.equal((await other.responses.cancel(cancelled.id)).status, "cancelled");

const items = [];
for await (const item of client.responses.inputItems.list(made.id)) items.push(item);
assert.deepEqual(items.map((item) => item.content[0].text), ["javascript"]);

const following = await other.responses.create({ model: "sim", input: "And?", previous_response_id: made.id });
assert.equal(following.previous_response_id, made.id);

await other.responses.delete(made.id);
await assert.rejects(client.responses.retrieve(made.id), OpenAI.NotFoundError);

console.log(made.output_text);
