// Asks before a link changes who is signed in: whoever sent it would else see what is done then,
// or have it counted for someone else.

import { el } from "../browser/elements.ts";

/** Asks the viewer to continue as `next`, who is none of `current`; resolves with the answer. */
export function askWhetherToChange(current, next) {
  return new Promise((resolve) => {
    const answer = (value) => () => dialog.close(value);
    const button = (value, text) =>
      el("button", { type: "button", className: "button", onclick: answer(value) }, text);
    const dialog = el(
      "dialog",
      { className: "change-of-viewer" },
      el("h2", {}, `Go on as ${named(next)}?`),
      el(
        "p",
        {},
        `This link signs you in as ${named(next)}. You are ${current.map(named).join(", ")} here. `,
        "If you did not expect that, stay who you are.",
      ),
      el(
        "p",
        { className: "choices" },
        button("stay", `Stay ${current[0].name}`),
        button("change", `Go on as ${next.name}`),
      ),
    );
    // Escape closes it, too, with no value: then nothing changes.
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "change");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A name is what the token says; the id is what the course goes by.
function named({ name, userId }) {
  return name === userId ? userId : `${name} (${userId})`;
}
