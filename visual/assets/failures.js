
// Failures first: the first is open, the others unfold, and their texts are made when they do.

const FAILURES_SHOWN = 50;

function showFailures(model, choose) {
  const failures = model.failures();
  byId("failures").hidden = byId("to-failures").hidden = failures.length === 0;
  byId("to-failures").textContent = byId("failures-title").textContent = `Failures (${failures.length.toLocaleString("en")})`;
  const cards = failures.slice(0, FAILURES_SHOWN).map(({ row }, place) => failureCard(model, row, place === 0, choose));
  if (failures.length > FAILURES_SHOWN) {
    cards.push(make("p", { class: "note" },
      `${(failures.length - FAILURES_SHOWN).toLocaleString("en")} more: choose the status failure in the table of instances.`));
  }
  if (model.run.state === "success") cards.unshift(make("p", { class: "note" }, "The run succeeded: the flow handled what failed here."));
  byId("failures-body").replaceChildren(...cards);
}

function failureCard(model, row, open, choose) {
  const inside = make("div", { class: "inside" });
  const card = make("details", { class: "failure card" },
    make("summary", {},
      make("span", { class: "where" }, model.name(row)),
      make("span", { class: "what" }, firstLine(model.error(row)))),
    inside);
  card.addEventListener("toggle", () => { if (card.open && !inside.firstChild) fill(); });
  const fill = () => {
    const failed = model.tries(row).findLast((attempt) => attempt.status === "failure");
    inside.append(...outcome(model, row, failed), make("p", {}, button("Show all tries and what it returned", () => choose({ row }), { class: "link" })));
  };
  if (open) { card.open = true; fill(); }
  return card;
}

const firstLine = (text) => text.split("\n", 1)[0].slice(0, 300);

// Error, traceback and log of one try.
function outcome(model, row, attempt) {
  const parts = [];
  if (attempt?.traceback) parts.push(make("h4", {}, "Traceback"), make("pre", { tabindex: 0 }, attempt.traceback));
  const log = attempt && model.log(row, attempt.tried);
  if (log) {
    const cut = log.leftOut ? `, without its first ${log.leftOut.toLocaleString("en")} bytes` : "";
    parts.push(make("h4", {}, `Log${cut}`), make("pre", { tabindex: 0 }, log.text));
  }
  return parts;
}
