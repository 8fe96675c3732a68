"use strict";
const field = id => document.getElementById(id);
const tab = crypto.randomUUID();
let state = null, running = null;

// A node with text in it: nothing that a model wrote is ever read as HTML.
function node(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
const number = (value, digits = 3) => value === null || value === undefined ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);

async function post(address, body, options = {}) {
  const reply = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ tab, ...body }), ...options });
  if (!reply.ok) throw new Error((await reply.json()).error);
  return reply;
}

// Server-sent events of a POST, one by one.
async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "";;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const event = JSON.parse(part.slice("data: ".length));
      if (event.error) throw new Error(event.error);
      yield event;
    }
  }
}

// Rooms
const tabs = [...document.querySelectorAll("[role=tab]")];
function open(chosen) {
  for (const other of tabs) {
    const shown = other === chosen;
    other.setAttribute("aria-selected", shown);
    other.tabIndex = shown ? 0 : -1;
    field(other.getAttribute("aria-controls")).hidden = !shown;
  }
  const load = { "tab-leakage": leakage, "tab-neurons": neurons, "tab-answers": answers }[chosen.id];
  if (load) load();
}
tabs.forEach((chosen, place) => {
  chosen.addEventListener("click", () => open(chosen));
  chosen.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(place + step + tabs.length) % tabs.length];
    open(next);
    next.focus();
  });
});

// Edits
const sliders = () => [...document.querySelectorAll("#sliders input")];
const strengths = () => Object.fromEntries(sliders().map(slider => [slider.dataset.name, Number(slider.value)]));
const steering = () => sliders().filter(slider => Number(slider.value)).map(slider => `${slider.dataset.name} ${slider.value}`).join(", ") || "base";
function showSliders() {
  state.edits.forEach((edit, place) => {
    const box = node("div", undefined, "slider"), label = node("label"), output = node("output", edit.strength.toFixed(2));
    const slider = Object.assign(node("input"), { type: "range", min: 0, max: Math.max(2, edit.strength), step: 0.05, value: edit.strength, id: `slider-${place}` });
    slider.dataset.name = edit.name;
    label.htmlFor = slider.id;
    label.append(node("span", edit.name), output);
    slider.addEventListener("input", () => { output.textContent = Number(slider.value).toFixed(2); });
    box.append(label, slider, node("p", edit.description, "small"));
    field("sliders").append(box);
  });
  if (!state.edits.length) field("sliders").append(node("p", "none: give some with --edit FILE", "missing"));
}
field("zero").addEventListener("click", () => sliders().forEach(slider => {
  slider.value = 0;
  slider.dispatchEvent(new Event("input"));
}));

// Talk
const side = (title, text = "") => {
  const box = node("div", undefined, "side"), words = node("span", text);
  box.append(node("b", title), words);
  return { box, words };
};
field("ask").addEventListener("submit", async event => {
  event.preventDefault();
  const question = field("question").value.trim();
  if (!question || running) return;
  running = new AbortController();
  busy(true);
  const turn = node("div", undefined, "turn"), sides = node("div", undefined, "sides"), compare = field("compare").checked;
  const shown = { ...(compare ? { base: side("base") } : {}), edited: side(steering()) };
  sides.append(...Object.values(shown).map(each => each.box));
  turn.append(node("p", question, "asked"), sides);
  field("log").append(turn);
  let kept = false;
  try {
    const reply = await post("api/talk", { question, strengths: strengths(), compare }, { signal: running.signal });
    for await (const event of events(reply)) {
      if (event.piece) shown[event.side].words.textContent += event.piece;
      else if (event.done) { kept = true; if (!event.done.finished) turn.append(node("p", "cut at the limit of tokens", "small")); }
      field("log").scrollTop = field("log").scrollHeight;
    }
    field("question").value = "";
  } catch (error) {
    turn.append(node("p", error.name === "AbortError" ? "stopped; the question is not kept" : error.message, "error"));
  }
  if (!kept) turn.dataset.lost = "";
  running = null;
  busy(false);
  field("question").focus();
});
field("question").addEventListener("keydown", event => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  field("ask").requestSubmit();
});
function busy(yes) {
  field("send").disabled = field("undo").disabled = field("new").disabled = yes;
  field("stop").disabled = !yes;
}
field("stop").addEventListener("click", () => running?.abort());
field("undo").addEventListener("click", async () => {
  try {
    field("question").value = (await (await post("api/undo", {})).json()).question;
    [...document.querySelectorAll(".turn:not([data-lost])")].pop()?.remove();
  } catch (error) { field("log").append(node("p", error.message, "error")); }
});
field("new").addEventListener("click", async () => {
  await post("api/new", { system: field("system").value });
  field("log").replaceChildren();
});

// Profile
let measuring = null;
field("measure").addEventListener("click", async () => {
  measuring = new AbortController();
  field("measure").disabled = true;
  field("cancel").disabled = false;
  field("progress").hidden = false;
  try {
    const reply = await post("api/profile", { strengths: strengths() }, { signal: measuring.signal });
    for await (const event of events(reply)) {
      if (event.profile) field("profile").replaceChildren(profileTable(event.profile));
      else {
        field("progress").value = event.done / event.total;
        field("progress-text").textContent = `${event.done} of ${event.total} texts`;
      }
    }
    field("progress-text").textContent = steering();
  } catch (error) {
    field("progress-text").textContent = error.name === "AbortError" ? "cancelled" : error.message;
  }
  field("progress").hidden = field("cancel").disabled = true;
  field("measure").disabled = false;
});
field("cancel").addEventListener("click", () => measuring?.abort());
function profileTable(rows) {
  const table = node("table"), head = node("tr"), body = node("tbody");
  for (const title of ["Value", "Base", "Edited", "Change, nats per token", "", "Pairs"]) head.append(node("th", title));
  const ends = rows.flatMap(row => [row.change.mean, ...(row.change.ci ?? [])]).filter(end => end !== null);
  const reach = Math.max(0.01, ...ends.map(Math.abs));
  for (const row of rows) {
    const line = node("tr"), clear = row.change.ci && (row.change.ci[0] > 0 || row.change.ci[1] < 0);
    const interval = row.change.ci ? ` [${row.change.ci.map(end => number(end)).join(", ")}]` : "";
    line.append(node("th", row.value), node("td", number(row.base.mean)), node("td", number(row.edited.mean)),
      node("td", number(row.change.mean) + interval, clear ? "clear" : ""), mark(row.change, reach), node("td", String(row.change.n)));
    body.append(line);
  }
  const top = node("thead");
  top.append(head);
  table.append(top, body);
  return table;
}
// The change and its interval on a line from -reach to reach.
function mark(change, reach) {
  const cell = node("td"), space = "http://www.w3.org/2000/svg", at = value => 90 + 84 * value / reach;
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("width", 180);
  picture.setAttribute("height", 18);
  picture.setAttribute("aria-hidden", "true");
  const draw = (name, facts) => {
    const part = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(facts)) part.setAttribute(key, value);
    picture.append(part);
  };
  draw("line", { x1: 90, x2: 90, y1: 0, y2: 18, stroke: "var(--line)" });
  if (change.ci) draw("line", { x1: at(change.ci[0]), x2: at(change.ci[1]), y1: 9, y2: 9, stroke: "var(--accent)", "stroke-width": 2 });
  if (change.mean !== null) draw("circle", { cx: at(change.mean), cy: 9, r: 4, fill: "var(--accent)" });
  cell.append(picture);
  return cell;
}

// Leakage
async function leakage() {
  const room = field("leakage");
  if (room.childElementCount) return;
  const matrices = await (await fetch("api/leakage")).json();
  if (!matrices.length) room.append(node("p", state.run ? "This run has no leakage matrix: give its specification `leakages: {}`." : "Give a run with --run FOLDER.", "missing"));
  for (const matrix of matrices) {
    const values = matrix.cells.flat().map(cell => Math.abs(cell.mean ?? 0)), most = Math.max(0.001, ...values);
    room.append(node("h3", matrix.method), node("p", "Rows are steered, columns evaluated: the change of each value's score. Click a cell.", "small"));
    const scroll = node("div", undefined, "scroll"), table = node("table", undefined, "matrix"), head = node("tr"), body = node("tbody");
    head.append(node("td"), ...matrix.names.map(name => node("th", name)));
    matrix.cells.forEach((row, steered) => {
      const line = node("tr");
      line.append(node("th", matrix.names[steered]));
      row.forEach((cell, evaluated) => {
        const box = node("td"), button = node("button", number(cell.mean, 2));
        button.type = "button";
        const share = Math.round(70 * Math.abs(cell.mean ?? 0) / most);
        button.style.background = `color-mix(in srgb, var(--${cell.mean > 0 ? "up" : "down"}) ${share}%, var(--panel))`;
        button.setAttribute("aria-pressed", "false");
        button.setAttribute("aria-label", `${matrix.names[steered]} steered, ${matrix.names[evaluated]} evaluated: ${number(cell.mean)}`);
        button.addEventListener("click", () => showCell(button, matrix, steered, evaluated));
        box.append(button);
        line.append(box);
      });
      body.append(line);
    });
    const top = node("thead");
    top.append(head);
    table.append(top, body);
    scroll.append(table);
    room.append(scroll);
  }
}
async function showCell(button, matrix, steered, evaluated) {
  document.querySelectorAll("#leakage button").forEach(other => other.setAttribute("aria-pressed", other === button));
  const words = cell => cell ? `${number(cell.mean)} [${number(cell.low)}, ${number(cell.high)}], n = ${cell.n ?? "–"}` : "not measured";
  const reply = await (await fetch(`api/answers?${new URLSearchParams({ value: matrix.values[evaluated] })}`)).json();
  field("cell").replaceChildren(
    node("h3", `${matrix.names[steered]} steered, ${matrix.names[evaluated]} evaluated`),
    node("p", `${words(matrix.cells[steered]?.[evaluated])}; random neurons ${words(matrix.random[steered]?.[evaluated])}`),
    node("p", reply.total ? `Answers to questions of ${matrix.names[evaluated]}, each method steering its own value:` : "The run keeps no example answers of this value.", "small"),
    ...reply.questions.slice(0, 3).map(sheet));
}

// Neurons
function neurons() {
  const room = field("neurons");
  if (room.childElementCount) return;
  if (!state.neurons) {
    room.append(node("p", "Write pages with `valuescope neurons EDITS --out FOLDER`, and give them with --neurons FOLDER.", "missing"));
    return;
  }
  const frame = node("iframe");
  frame.src = "neurons/index.html";
  frame.title = "Pages of neurons";
  room.append(frame);
}

// Answers
let searching = 0;
async function answers() {
  const turn = ++searching;
  const wanted = new URLSearchParams({ search: field("search").value, value: field("value").value });
  const reply = await (await fetch(`api/answers?${wanted}`)).json();
  if (turn !== searching) return; // a later search was faster
  if (field("value").options.length === 1) field("value").append(...reply.values.map(value => node("option", value)));
  field("found").textContent = reply.total > reply.questions.length ? `${reply.questions.length} of ${reply.total} questions` : `${reply.total} questions`;
  field("answers").replaceChildren(...reply.questions.map(sheet));
  if (!state.run) field("answers").append(node("p", "Give a run with --run FOLDER.", "missing"));
}
function sheet(example) {
  const turn = node("div", undefined, "turn"), sides = node("div", undefined, "sides");
  turn.append(node("p", example.question, "asked"), node("p", example.value + (example.system ? ` · ${example.system}` : ""), "small"), sides);
  for (const arm of example.answers) {
    const verdicts = [[arm.success, "for the value", "not for it"], [arm.fluent, "fluent", "not fluent"]];
    const judged = verdicts.filter(([said]) => said !== null).map(([said, yes, no]) => said ? yes : no);
    sides.append(side([arm.arm, ...judged].join(" · "), arm.text).box);
  }
  return turn;
}
for (const id of ["search", "value"]) field(id).addEventListener("input", answers);
field("find").addEventListener("submit", event => event.preventDefault());

fetch("api/state").then(reply => reply.json()).then(told => {
  state = told;
  field("model").textContent = `${state.model}, ${state.layers} layers of ${state.width} neurons, ${state.sampling}`;
  field("pairs").textContent = state.pairs ? `${state.pairs} pairs of ${state.values.length} values` : "no pairs for this model";
  field("measure").disabled = !state.pairs;
  showSliders();
});
