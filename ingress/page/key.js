// The API key: asked for where the service wants one, kept for this tab's session and nowhere else.

import { byId } from "./elements.js";

const NAME = "penstock.key";
/** The dialog is one, however many requests wait for it. */
let asking = null;

export const key = () => sessionStorage.getItem(NAME) ?? "";
export const headers = () => (key() ? { authorization: `Bearer ${key()}` } : {});

/** Ask for a key in the place of `refused`, which was not taken; another request may have brought a new one already. */
export function newKey(refused) {
  if (key() !== refused) return Promise.resolve();
  asking ??= ask(refused).finally(() => { asking = null; });
  return asking;
}

function ask(refused) {
  const dialog = byId("key-dialog");
  byId("key-fault").textContent = refused ? "Nobody knows this key. Give another." : "";
  byId("key").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    byId("key-form").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(NAME, byId("key").value.trim());
      byId("key").value = "";
      show();
      dialog.close();
      resolve();
    };
  });
}

function show() {
  byId("forget-key").hidden = !key();
}

export function setUpKey() {
  // Without a key there is nothing to go back to.
  byId("key-dialog").addEventListener("cancel", (event) => event.preventDefault());
  byId("forget-key").addEventListener("click", () => {
    sessionStorage.removeItem(NAME);
    location.reload();
  });
  show();
}
