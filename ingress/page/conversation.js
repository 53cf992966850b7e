// The conversation, kept for this tab's session: a reload finds it, and the answer that was on its way.

const NAME = "penstock.conversation";
const EMPTY = { model: "", turns: [], pending: null };

/** `turns` are {role, content, job, model, pace, fault}; `pending` is the answer on its way: {job, model, askedMs, firstMs, lastMs}. */
export function load() {
  try {
    return { ...EMPTY, ...JSON.parse(sessionStorage.getItem(NAME) ?? "{}") };
  } catch {
    return { ...EMPTY };
  }
}

export function save(conversation) {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(conversation));
  } catch {
    // A conversation that is longer than the browser keeps goes on; a reload finds what was kept last.
  }
}

/** What the model is to be asked with: a question without an answer is left out together with it. */
export function messages(turns) {
  const said = [];
  for (const { role, content } of turns) {
    if (role === "assistant" && !content) said.pop();
    else said.push({ role, content });
  }
  return said;
}
