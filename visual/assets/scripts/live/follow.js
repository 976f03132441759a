// Follows the server's messages, and keeps trying while it does not answer. Nothing is shown anew while a button is
// held down, so that no click is lost.

import { byId, make } from "#page/base/dom.js";

const RETRY = 1000;

export function follow(path, data, show) {
  let waiting = false;
  let held = false;
  const flush = () => {
    if (held || !waiting) return;
    waiting = false;
    show(data);
  };
  addEventListener(
    "pointerdown",
    () => {
      held = true;
    },
    true,
  );
  for (const type of ["pointerup", "pointercancel"])
    addEventListener(
      type,
      () => {
        held = false;
        setTimeout(flush);
      },
      true,
    );
  const connect = () => {
    const source = new EventSource(path);
    source.addEventListener("message", (event) => {
      Object.assign(data, JSON.parse(event.data));
      waiting = true;
      sayConnection(data.gone ?? "");
      if (data.gone) return;
      flush();
    });
    source.addEventListener("error", () => {
      sayConnection(
        "The server does not answer; this page keeps trying. If the server was restarted, open the address that it printed.",
      );
      source.close();
      setTimeout(connect, RETRY);
    });
  };
  connect();
}

function sayConnection(text) {
  let line = byId("connection");
  if (!line) {
    line = make("p", { id: "connection", class: "connection", role: "status" });
    document.querySelector(".bar").after(line);
  }
  line.textContent = text;
  line.hidden = !text;
}
