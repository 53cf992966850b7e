// Building blocks of the page: texts go in as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element with its attributes (`text` is its text, `share` a width for the style sheet) and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (key.startsWith("--")) made.style.setProperty(key, value);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A text for people who hear the page, beside what others see. */
export const unseen = (text) => element("span", { class: "unseen", text });

/** A share as a bar; the figure stands beside it for who does not see it. */
export function bar(share) {
  const part = element("span", { "--share": `${Math.min(share, 1) * 100}%` });
  return element("span", { class: "load", "aria-hidden": "true" }, part);
}
