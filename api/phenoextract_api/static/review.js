// What the pages can do more where scripts run: explanations that Esc closes, decisions without loading the page
// again, terms found while typing, words of the letter selected to add a term, and single keys. Forms do all of it
// without this file.

const SEARCH_DELAY = 120; // milliseconds without typing before a search
const MAX_HITS = 10;
const STATUS_KEYS = { p: "present", n: "absent", f: "family", u: "uncertain" };

const main = document.querySelector("main");
const review = () => document.getElementById("review");
const letter = () => document.getElementById("letter");
const cards = () => [...document.querySelectorAll(".card")];
const canDecide = () => document.getElementById("undo") !== null;
let busy = false;

function say(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

// --- Explanations of highlights (WCAG 1.4.13: Esc closes them, moving on opens the next) ---

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") letter()?.classList.add("explanations-closed");
});
for (const kind of ["focusin", "pointerover"]) {
  document.addEventListener(kind, (event) => {
    if (event.target.closest?.(".mention")) letter()?.classList.remove("explanations-closed");
  });
}

// --- The current card, and its words in the letter ---

let current = null;

function currentCard() {
  return document.activeElement.closest?.(".card") ?? document.getElementById(current) ?? cards().find(isUndecided) ?? cards()[0];
}

const isUndecided = (card) => card.classList.contains("card--to-decide");

function goTo(card) {
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("focusin", (event) => {
  const card = event.target.closest?.(".card");
  if (!card) return;
  current = card.id;
  for (const mention of document.querySelectorAll(".mention.is-current")) mention.classList.remove("is-current");
  const mentions = [...document.querySelectorAll(`.mention[data-card="${card.id}"]`)];
  for (const mention of mentions) mention.classList.add("is-current");
  if (mentions.length) bringIntoView(mentions[0]);
});

function bringIntoView(mention) {
  const column = mention.closest(".column--letter");
  if (!column || column.scrollHeight <= column.clientHeight) return;
  const place = mention.getBoundingClientRect();
  const frame = column.getBoundingClientRect();
  if (place.top < frame.top || place.bottom > frame.bottom) {
    column.scrollTop += place.top - frame.top - column.clientHeight / 3;
  }
}

// --- Decisions: send a form, and put the review that comes back in the place of the old one ---

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("stay" in form.dataset)) return;
  event.preventDefault();
  post(form.getAttribute("action"), new FormData(form, event.submitter), form);
});

async function post(address, data, form) {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.getElementById("review") && review()) {
      swap(page.getElementById("review"), form);
    } else {
      main.replaceChildren(...page.querySelector("main").childNodes);
      document.title = page.title;
      main.focus();
    }
  } catch {
    say("The service did not answer: nothing has been recorded. Try again.");
    showFailure();
  } finally {
    busy = false;
  }
}

function showFailure() {
  const box = document.createElement("p");
  box.className = "failure";
  box.setAttribute("role", "alert");
  box.textContent = "The service did not answer: nothing has been recorded. Try again.";
  document.querySelector(".failure")?.remove();
  review().prepend(box);
}

function swap(fresh, form) {
  const decided = form.closest(".card")?.id;
  const open = [...review().querySelectorAll("details[open]")].map((details) => details.id);
  const typed = [...review().querySelectorAll("input[id], textarea[id]")].filter(
    (field) => field.form !== form && field.value !== field.defaultValue,
  );
  const column = document.querySelector(".column--letter")?.scrollTop ?? 0;
  review().replaceWith(fresh);
  const at = fresh.dataset.at;
  for (const id of open) {
    const details = document.getElementById(id);
    if (details && (at === decided || !id.startsWith(`${decided}-`))) details.open = true;
  }
  for (const field of typed) {
    const same = document.getElementById(field.id);
    if (same) same.value = field.value;
  }
  document.querySelector(".column--letter").scrollTop = column;
  say(fresh.dataset.said);
  goTo(document.getElementById("errors") ?? document.getElementById(at) ?? document.getElementById("progress"));
}

// --- Terms while typing: a combobox with a list (WAI-ARIA Authoring Practices, "Combobox With List Autocomplete") ---

const searches = new WeakMap();

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.id === "add-phrase" || field.id === "why-phrase") forgetStretch(field.form);
  if (field.name === "q" && field.form?.dataset.search) search(field);
});

function search(field) {
  clearTimeout(searches.get(field)?.timer);
  const state = { timer: setTimeout(() => find(field, state), SEARCH_DELAY) };
  searches.set(field, state);
}

async function find(field, state) {
  const typed = field.value.trim();
  if (!typed) return closeList(field);
  const answer = await fetch(`${review().dataset.terms}/search`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": field.form.elements.csrf_token.value },
    body: JSON.stringify({ q: typed.slice(0, 200), limit: MAX_HITS }),
  }).catch(() => null);
  if (!answer?.ok || searches.get(field) !== state || document.activeElement !== field) return;
  openList(field, (await answer.json()).terms);
}

function openList(field, hits) {
  closeList(field);
  say(hits.length ? `${hits.length} terms. Arrow down to choose.` : "No term was found.");
  if (!hits.length) return;
  const list = document.createElement("ul");
  list.id = `${field.id}-options`;
  list.className = "options";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Terms");
  hits.forEach((hit, place) => {
    const option = document.createElement("li");
    option.id = `${list.id}-${place}`;
    option.dataset.term = hit.hpo_id;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.textContent = hit.name.toLowerCase() === hit.label.toLowerCase() ? hit.label : `${hit.label} (${hit.name})`;
    list.append(option);
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => pick(field, event.target.closest("[role=option]")));
  field.after(list);
  list.scrollIntoView({ block: "nearest" });
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-expanded", "true");
}

const listOf = (field) => document.getElementById(`${field.id}-options`);

function closeList(field) {
  listOf(field)?.remove();
  field.removeAttribute("aria-activedescendant");
  field.removeAttribute("aria-controls");
  if (field.hasAttribute("aria-expanded")) field.setAttribute("aria-expanded", "false");
}

function move(field, step) {
  const options = [...listOf(field).children];
  const at = options.findIndex((option) => option.ariaSelected === "true");
  const next = options[(at + step + options.length + (at < 0 && step < 0 ? 1 : 0)) % options.length];
  for (const option of options) option.setAttribute("aria-selected", String(option === next));
  field.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

function pick(field, option) {
  if (!option) return;
  const form = field.form;
  const data = new FormData(form);
  data.set("choice", `${form.dataset.search} ${option.dataset.term}`);
  closeList(field);
  post(form.dataset.decide, data, form);
}

document.addEventListener("focusout", (event) => {
  if (event.target.name === "q" && event.target.form?.dataset.search) closeList(event.target);
});

function onListKey(event) {
  const field = event.target;
  const list = field.name === "q" && listOf(field);
  if (!list) return false;
  const chosen = list.querySelector('[aria-selected="true"]');
  if (event.key === "ArrowDown") move(field, 1);
  else if (event.key === "ArrowUp") move(field, -1);
  else if (event.key === "Escape") closeList(field);
  else if (event.key === "Enter" && chosen) pick(field, chosen);
  else return false;
  return true;
}

// --- Words of the letter, selected to add a term; offsets count code points, as everywhere in the service ---

const pieces = () => [...letter().querySelectorAll("[data-start]")];
const codePoints = (text) => [...text].length;

function selected() {
  const selection = document.getSelection();
  if (!letter() || !selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  let start = null;
  let text = "";
  for (const piece of pieces()) {
    const node = piece.firstChild;
    if (!node || !range.intersectsNode(node)) continue;
    const from = node === range.startContainer ? range.startOffset : 0;
    const to = node === range.endContainer ? range.endOffset : node.length;
    if (from >= to) continue;
    start ??= Number(piece.dataset.start) + codePoints(node.data.slice(0, from));
    text += node.data.slice(from, to);
  }
  const words = text.trim();
  if (!words) return null;
  start += codePoints(text.slice(0, text.indexOf(words)));
  return { text: words, start, end: start + codePoints(words), range };
}

document.addEventListener("selectionchange", () => {
  if (!review() || !letter()) return;
  const found = selected();
  const bar = selectionBar();
  bar.hidden = !found || !letter().contains(found.range.commonAncestorContainer);
  if (bar.hidden) return;
  const place = found.range.getBoundingClientRect();
  const frame = letter().getBoundingClientRect();
  bar.style.top = `${place.bottom - frame.top + 4}px`;
  bar.style.left = `${Math.max(0, Math.min(place.left - frame.left, frame.width - bar.offsetWidth))}px`;
});

function selectionBar() {
  const there = document.getElementById("for-selection");
  if (there) return there;
  const bar = document.createElement("div");
  bar.id = "for-selection";
  bar.className = "for-selection";
  bar.hidden = true;
  if (canDecide()) bar.append(selectionButton("Add a term for these words", addForSelection));
  bar.append(selectionButton("Why was this not coded?", explainSelection));
  letter().after(bar);
  return bar;
}

function selectionButton(text, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "nhsuk-button nhsuk-button--small";
  button.textContent = text;
  button.addEventListener("pointerdown", (event) => event.preventDefault()); // the selection stays
  button.addEventListener("click", onClick);
  return button;
}

function fillIn(form, found) {
  form.elements.phrase.value = found.text.replace(/\s+/g, " ");
  form.elements.start.value = found.start;
  form.elements.end.value = found.end;
}

function explainSelection() {
  const found = selected();
  const form = document.getElementById("why");
  if (!found) return focusField(document.getElementById("why-phrase"));
  fillIn(form, found);
  form.requestSubmit();
}

function addForSelection() {
  const found = selected();
  const form = document.getElementById("add");
  if (!found || !form) return;
  fillIn(form, found);
  form.elements.q.value = found.text.replace(/\s+/g, " ");
  selectionBar().hidden = true;
  focusField(form.elements.q);
  form.elements.q.select();
  search(form.elements.q);
}

function forgetStretch(form) {
  form.elements.start.value = "";
  form.elements.end.value = "";
}

// With the keyboard: arrows choose a word, Shift extends the choice, Enter adds a term for it.

let chosen = null; // places of the first and the last chosen word

function words() {
  return pieces().flatMap((piece) => {
    const node = piece.firstChild;
    return node ? [...node.data.matchAll(/[\p{L}\p{N}]+/gu)].map((match) => ({ node, from: match.index, to: match.index + match[0].length })) : [];
  });
}

function rangeOf(first, last = first) {
  const range = document.createRange();
  range.setStart(first.node, first.from);
  range.setEnd(last.node, last.to);
  return range;
}

function wordBelow(all, at, step) {
  const here = rangeOf(all[at]).getBoundingClientRect();
  let best = at;
  for (let place = at + step; all[place]; place += step) {
    const there = rangeOf(all[place]).getBoundingClientRect();
    const lines = Math.abs(there.top - here.top);
    if (lines < here.height / 2) continue;
    if (best !== at && lines > Math.abs(rangeOf(all[best]).getBoundingClientRect().top - here.top) + here.height / 2) break;
    best = place;
    if (step > 0 ? there.right >= here.left : there.left <= here.left) break;
  }
  return best;
}

function onLetterKey(event) {
  const all = words();
  const keys = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
  if (event.key === "Enter" && chosen) {
    addForSelection();
    return true;
  }
  if (!(event.key in keys) || !all.length) return false;
  const step = keys[event.key];
  const last = chosen && all[chosen.last] ? chosen.last : firstWord(all) - step;
  const place = event.key === "ArrowDown" || event.key === "ArrowUp" ? (all[last] ? wordBelow(all, last, step) : 0) : last + step;
  const next = Math.min(Math.max(place, 0), all.length - 1);
  chosen = { first: event.shiftKey && chosen ? chosen.first : next, last: next };
  const [from, to] = [Math.min(chosen.first, chosen.last), Math.max(chosen.first, chosen.last)];
  const range = rangeOf(all[from], all[to]);
  document.getSelection().removeAllRanges();
  document.getSelection().addRange(range);
  all[next].node.parentElement.scrollIntoView({ block: "nearest" });
  say(range.toString());
  return true;
}

function firstWord(all) {
  const mention = document.querySelector(".mention.is-current");
  const at = mention ? all.findIndex((word) => mention.contains(word.node)) : 0;
  return Math.max(at, 0);
}

// --- Keys ---

function focusField(field) {
  const details = field?.closest("details");
  if (details) details.open = true;
  field?.scrollIntoView({ block: "nearest" });
  field?.focus();
}

function press(card, choice) {
  const button = [...card.querySelectorAll('button[name="choice"]')].find((one) => one.value === choice);
  button?.form.requestSubmit(button);
  return button !== undefined;
}

function decide(choice) {
  const card = currentCard();
  if (!card || !canDecide()) return;
  if (press(card, choice)) return;
  if (isUndecided(card)) say("This has no term yet: find one first.");
  else goTo(nextUndecided(card)); // it is decided so already
}

function decideStatus(status) {
  decide(currentCard()?.querySelector(`.card__name .status--${status}`) ? "accept" : `status ${status}`);
}

function nextUndecided(card) {
  const all = cards();
  const at = all.indexOf(card);
  return [...all.slice(at + 1), ...all.slice(0, at)].find(isUndecided) ?? document.getElementById("progress");
}

function step(by) {
  const all = cards();
  const here = document.activeElement.closest?.(".card");
  const at = here ? all.indexOf(here) + by : all.indexOf(currentCard());
  goTo(all[Math.min(Math.max(at, 0), all.length - 1)]);
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => decide("accept"),
  r: () => decide("reject"),
  e: () => focusField(document.getElementById(`${currentCard()?.id}-q`)),
  t: () => focusField(document.getElementById(`${currentCard()?.id}-note`)),
  m: () => letter()?.focus(),
  "/": () => focusField(document.getElementById("add-q")),
  w: explainSelection,
  z: () => document.getElementById("undo")?.click(),
  s: () => document.getElementById("to-summary")?.click(),
  "?": () => focusField(document.querySelector("#shortcuts summary")),
};
for (const [key, status] of Object.entries(STATUS_KEYS)) KEYS[key] = () => decideStatus(status);

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !review()) return;
  if (typing ? onListKey(event) || leaveField(event) : onKey(event)) event.preventDefault();
});

function leaveField(event) {
  if (event.key !== "Escape") return false;
  goTo(event.target.closest(".card") ?? document.getElementById(current) ?? document.getElementById("progress"));
  return true;
}

function onKey(event) {
  if (event.target === letter() && onLetterKey(event)) return true;
  const action = KEYS[event.key];
  if (review().dataset.shortcuts !== "on" || !action || event.repeat) return false;
  action();
  return true;
}

if (review()?.dataset.at) goTo(document.getElementById(review().dataset.at));
