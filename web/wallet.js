/* The wallet page: a key pair that never leaves this browser, and what its holder may ask and do with it.

   The private half is made non-extractable and kept as a handle in IndexedDB: no script can read it, this one included. The session's
   token lives in a variable and ends with the page. Everything shown comes by the operations below, and is set as text, never as HTML. */

import { WORDS } from "./words.js";

const REFUSAL = "... on Refusal { code field }";
const OPERATIONS = {
  challenge: "query Challenge { challenge { challenge } }",
  enrolmentApply: `mutation Apply($input: EnrolmentApplyInput!) { enrolmentApply(input: $input) { ... on EnrolmentApplied { enrolment { id status readyAt } } ${REFUSAL} } }`,
  enrolmentComplete: `mutation Complete($input: EnrolmentCompleteInput!) { enrolmentComplete(input: $input) { ... on EnrolmentApplied { enrolment { id status readyAt } } ${REFUSAL} } }`,
  enrolment: "query Enrolment($id: ID!) { enrolment(id: $id) { id status readyAt } }",
  sessionOpen: `mutation SignIn($input: SessionOpenInput!) { sessionOpen(input: $input) { ... on SessionOpened { token endsAt device } ${REFUSAL} } }`,
  sessionClose: `mutation SignOut { sessionClose { ... on SessionClosed { endedAt } ${REFUSAL} } }`,
  deviceRemove: `mutation Remove($input: DeviceRemoveInput!) { deviceRemove(input: $input) { ... on DevicesChanged { devices { id } } ${REFUSAL} } }`,
  consentWithdraw: `mutation Withdraw($input: ConsentWithdrawInput!) { consentWithdraw(input: $input) { ... on ConsentWithdrawn { consent { id } } ${REFUSAL} } }`,
  confirmed: "query Confirmed { wallet { confirmed } }",
  identityConfirm: `mutation Confirm($input: IdentityConfirmInput!) { identityConfirm(input: $input) { ... on IdentityConfirmed { confirmed } ${REFUSAL} } }`,
  deviceAdd: `mutation LetIn($input: DeviceAddInput!) { deviceAdd(input: $input) { ... on DevicesChanged { devices { id } } ${REFUSAL} } }`,
  identityClose: `mutation Close($input: IdentityCloseInput!) { identityClose(input: $input) { ... on IdentityClosed { closedAt } ${REFUSAL} } }`,
  recoveryObject: `mutation Object($input: RecoveryObjectInput!) { recoveryObject(input: $input) { ... on EnrolmentApplied { enrolment { id status } } ${REFUSAL} } }`,
  consentGrant: `mutation Grant($input: ConsentGrantInput!) { consentGrant(input: $input) { ... on ConsentGranted { consent { id } } ${REFUSAL} } }`,
  consentRequestGrant: `mutation Yes($input: ConsentRequestGrantInput!) { consentRequestGrant(input: $input) { ... on ConsentGranted { consent { id } } ${REFUSAL} } }`,
  consentRequestRefuse: `mutation No($input: ConsentRequestInput!) { consentRequestRefuse(input: $input) { ... on ConsentRequestRefused { request { id } } ${REFUSAL} } }`,
  wallet: "query Devices { wallet { devices { id name addedAt endedAt } recoveries { id device askedAt readyAt } } wards { id person kind acts endsAt endedAt } }",
  waits: "query Waits { myCases { organisation toCollect { kind amount currency quantity unit collection { place hours beginsOn endsOn } } } }",
  asked: "query Asked { consentRequests { id organisation purpose categories days lapsesAt state text { ar ckb en } } }",
  organisations: "query Names { organisations { id name ar: named(language: AR) ckb: named(language: CKB) en: named(language: EN) } }",
  disclosures: "query Looks($before: ID) { me { person { disclosures(first: 20, before: $before) { id at organisation role purpose categories manner } } } }",
  consents: "query Consents { me { person { consents { id receiver purpose categories grantedAt endsAt withdrawnAt } } } }",
};
const OWN = new Set(["challenge", "organisations", "wallet", "confirmed", "sessionClose"]);
const PAGE = 20;

const at = (id) => document.getElementById(id);
let language = "ar";
let token = null, device = null, ending = null, confirmed = true;
let kept = null;
let looks = [], consents = [], names = {}, further = false;
let mine = { devices: [], recoveries: [] }, wards = [], ward = null, waiting = [], requests = [];
let saying = ["said", null];

class Refused extends Error {
  constructor(code, field = null) { super(code); this.code = code; this.field = field; }
}

// --- words --------------------------------------------------------------------------------------------------------------

const word = (key) => WORDS[language][key] ?? key.slice(key.indexOf(".") + 1);
const listed = (kind, codes) => codes.map((each) => word(`${kind}.${each.toLowerCase()}`)).join(language === "en" ? ", " : "، ");
const named = (id) => (id === null ? word("nobody") : names[id]?.[language] ?? names[id]?.name ?? id);
const LOCALES = { ar: "ar-IQ", ckb: "ckb-IQ", en: "en-GB" };
const when = (instant) => new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "medium", timeStyle: "short", calendar: "gregory" }).format(new Date(instant));

function speak(chosen) {
  language = chosen in WORDS ? chosen : "ar";
  document.documentElement.lang = language;
  document.documentElement.dir = language === "en" ? "ltr" : "rtl";
  document.title = word("title");
  at("language").value = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  say(...saying);
  draw();
}

function say(where, key) {
  saying = [where, key];
  for (const id of ["said", "warned"]) at(id).textContent = id === where && key ? word(key) : "";
}

// --- the key --------------------------------------------------------------------------------------------------------------

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function store(mode, act) {
  const opening = indexedDB.open("mizalla-wallet", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("own");
  const database = await settled(opening);
  try {
    const writing = database.transaction("own", mode);
    const done = new Promise((resolve, reject) => { writing.oncomplete = resolve; writing.onabort = () => reject(writing.error); });
    const found = await settled(act(writing.objectStore("own")));
    await done;
    return found;
  } finally {
    database.close();
  }
}

const recall = () => store("readonly", (own) => own.get("device"));

async function keep(change) {
  kept = change && { ...kept, ...change };
  await store("readwrite", (own) => (kept ? own.put(kept, "device") : own.delete("device")));
}

const made = () => crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
const text64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const TOGETHER = ["aid_distribution", "case_management", "social_security", "statistics"];
const CATEGORIES = ["name", "contact", "birth", "place", "family", "health", "need", "assistance", "insurance", "income", "identifiers"];
const may = (act) => ward === null || ward.acts.includes(act);

async function proof(act, about = "") {
  const { challenge } = (await ask("challenge")).challenge;
  const signed = new TextEncoder().encode(["mizalla wallet 1", act, location.origin, challenge, about].join("\n"));
  const signature = text64(await crypto.subtle.sign("Ed25519", kept.keys.privateKey, signed));
  const publicKey = text64(await crypto.subtle.exportKey("raw", kept.keys.publicKey));
  return { publicKey, origin: location.origin, challenge, signature };
}

// --- asking --------------------------------------------------------------------------------------------------------------

async function ask(name, variables = {}) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (token && ward && !OWN.has(name)) headers["mizalla-acting-for"] = ward.person;
  const body = JSON.stringify({ query: OPERATIONS[name], variables });
  let status, answer;
  try {
    const given = await fetch("graphql", { method: "POST", headers, body, credentials: "omit", cache: "no-store", redirect: "error" });
    status = given.status;
    answer = await given.json();
  } catch {
    throw new Refused("network");
  }
  if (status === 401 && token) { leave(); throw new Refused("ended"); }
  if (!answer.data) throw new Refused(answer.errors?.[0]?.extensions?.code ?? "other");
  return answer.data;
}

async function change(name, input) {
  const changed = (await ask(name, input && { input }))[name];
  if (changed.code) throw new Refused(changed.code, changed.field);
  return changed;
}

// --- acts --------------------------------------------------------------------------------------------------------------

async function enrol() {
  const fields = ["number", "name", "motherName", "birthYear", "device"];
  for (const each of fields) at(each).removeAttribute("aria-invalid");
  const empty = fields.find((each) => !at(each).value.trim());
  if (empty) throw new Refused("INVALID", empty);
  const birthYear = Number(at("birthYear").value.trim().replace(/[٠-٩۰-۹]/g, (digit) => digit.charCodeAt(0) % 16));
  if (!Number.isInteger(birthYear)) throw new Refused("INVALID", "birthYear");
  if (!kept) await keep({ keys: await made() });
  navigator.storage?.persist?.().catch(() => {});
  const particulars = { scheme: "NATIONAL_NUMBER", number: at("number").value, name: at("name").value, motherName: at("motherName").value, birthYear };
  const given = { particulars, device: at("device").value, proof: await proof("enrolment.apply") };
  const { enrolment } = await change("enrolmentApply", given).catch(async (refused) => {
    if (refused.code === "CONFLICT") await keep(null); // the key is spent; the next try makes another
    throw refused;
  });
  at("enrol").reset();
  await stands(enrolment);
}

async function stands(enrolment) {
  await keep({ enrolment });
  say("said", `status.${enrolment.status}`);
  draw(true);
}

async function lookAgain() {
  const { enrolment } = await ask("enrolment", { id: kept.enrolment.id });
  await stands(enrolment ?? { ...kept.enrolment, status: "REFUSED", readyAt: null });
}

async function complete() {
  const { id } = kept.enrolment;
  await stands((await change("enrolmentComplete", { id, proof: await proof("enrolment.complete", id) })).enrolment);
}

async function signIn() {
  const opened = await change("sessionOpen", { proof: await proof("session.open") });
  token = opened.token;
  device = opened.device;
  ending = setTimeout(() => { leave(); say("warned", "ended"); }, Math.max(0, Date.parse(opened.endsAt) - Date.now()));
  ({ confirmed } = (await ask("confirmed")).wallet);
  if (!confirmed) {
    say("said", "confirm.wait");
    return draw(true);
  }
  names = Object.fromEntries((await ask("organisations")).organisations.map((each) => [each.id, each]));
  await read();
  say("said", "signin.done");
  draw(true);
}

async function confirm() {
  at("handed").removeAttribute("aria-invalid");
  if (!at("handed").value.trim()) throw new Refused("INVALID", "handed");
  try {
    await change("identityConfirm", { code: at("handed").value });
  } catch (refused) {
    throw refused instanceof Refused && refused.code === "UNKNOWN" ? new Refused("UNKNOWN", "handed") : refused;
  }
  at("confirm").reset();
  leave();
  say("said", "confirm.done");
}

async function read() {
  if (!ward) {
    const found = await ask("wallet");
    mine = found.wallet;
    wards = found.wards.filter((each) => each.person && !each.endedAt && Date.parse(each.endsAt) > Date.now());
  }
  [looks, consents, waiting, requests] = [[], [], [], []];
  further = false;
  if (may("READ")) {
    await moreLooks();
    consents = (await ask("consents")).me.person.consents ?? [];
    waiting = (await ask("waits")).myCases ?? [];
  }
  if (may("CONSENT")) requests = ((await ask("asked")).consentRequests ?? []).filter((each) => each.state === "OPEN");
}

async function actFor(id) {
  ward = wards.find((each) => each.id === id) ?? null;
  await read();
  say("said", "acting.done");
  draw();
}

async function moreLooks() {
  const found = (await ask("disclosures", { before: looks.at(-1)?.id ?? null })).me.person.disclosures ?? [];
  further = found.length === PAGE;
  looks.push(...found);
  draw();
}

function leave() {
  clearTimeout(ending);
  token = device = ward = null;
  [looks, consents, waiting, requests, wards] = [[], [], [], [], []];
  mine = { devices: [], recoveries: [] };
  draw(true);
}

async function signOut() {
  await change("sessionClose").catch(() => {});
  leave();
  say("said", "signout.done");
}

async function withdraw(id) {
  if (!(await sure("consents.sure"))) return;
  await change("consentWithdraw", { id });
  consents = (await ask("consents")).me.person.consents ?? [];
  say("said", "consents.withdrawn");
  draw();
  at("consents-title").focus();
}

async function grant() {
  const days = Number(at("days").value.trim().replace(/[٠-٩۰-۹]/g, (digit) => digit.charCodeAt(0) % 16));
  const categories = [...document.querySelectorAll("#what input:checked")].map((each) => each.value.toUpperCase());
  at("days").removeAttribute("aria-invalid");
  if (!Number.isInteger(days) || days < 1) throw new Refused("INVALID", "days");
  if (!categories.length) throw new Refused("INVALID", "what");
  const endsAt = new Date(Date.now() + days * 86400000).toISOString().replace(/\.\d+Z$/, "Z");
  await change("consentGrant", { receiver: at("receiver").value, purpose: at("why").value.toUpperCase(), categories, endsAt });
  at("give").reset();
  await read();
  say("said", "asked.granted");
  draw();
  at("consents-title").focus();
}

async function answer(id, yes) {
  await change(yes ? "consentRequestGrant" : "consentRequestRefuse", { id });
  await read();
  say("said", yes ? "asked.granted" : "asked.refused");
  draw();
  at("asked-title").focus();
}

async function join() {
  if (!kept) await keep({ keys: await made() });
  at("code").value = text64(new TextEncoder().encode(JSON.stringify(await proof("device.join"))));
  at("joining-code").hidden = false;
  say("said", "join.ready");
  at("code").select();
}

async function joined() {
  const { keys } = kept;
  await keep({ keys, enrolment: { id: null, status: "VERIFIED", readyAt: null } });
  at("code").value = "";
  at("joining-code").hidden = true;
  try {
    await signIn();
  } catch (refused) {
    await keep({ keys, enrolment: null });
    draw();
    throw refused;
  }
}

async function letIn() {
  for (const each of ["otherName", "otherCode"]) at(each).removeAttribute("aria-invalid");
  if (!at("otherName").value.trim()) throw new Refused("INVALID", "otherName");
  let joining;
  try {
    const code = at("otherCode").value.replace(/\s/g, "").replaceAll("-", "+").replaceAll("_", "/");
    const { publicKey, origin, challenge, signature } = JSON.parse(atob(code));
    joining = { publicKey, origin, challenge, signature };
    if (!Object.values(joining).every((each) => typeof each === "string")) throw new TypeError();
  } catch {
    throw new Refused("INVALID", "otherCode");
  }
  await change("deviceAdd", { name: at("otherName").value, proof: await proof("device.add", joining.publicKey), joining });
  at("let-in").reset();
  await read();
  say("said", "let.done");
  draw();
  at("devices-title").focus();
}

async function end(id) {
  if (!(await sure("devices.sure"))) return;
  await change("deviceRemove", { id });
  await read();
  say("said", "devices.ended");
  draw();
  at("devices-title").focus();
}

async function object(id) {
  await change("recoveryObject", { id });
  await read();
  say("said", "recovery.done");
  draw();
}

async function close() {
  if (!(await sure("close.sure"))) return;
  await change("identityClose", { proof: await proof("identity.close") });
  await keep(null);
  leave();
  say("said", "close.done");
}

async function remove() {
  if (!(await sure("remove.sure"))) return;
  try {
    await change("deviceRemove", { id: device });
  } catch (refused) {
    throw refused.code === "CONFLICT" ? new Refused("last") : refused;
  }
  await keep(null);
  leave();
  say("said", "remove.done");
}

async function forget() {
  if (!(await sure("forget.sure"))) return;
  await keep(null);
  say("said", "forget.done");
  draw(true);
}

async function applyAgain() {
  await keep({ enrolment: null });
  say("said", null);
  draw(true);
}

// --- showing --------------------------------------------------------------------------------------------------------------

function sure(key) {
  at("sure-text").textContent = word(key);
  const dialog = at("sure");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

function card(rows, button) {
  const item = document.createElement("li"), list = item.appendChild(document.createElement("dl"));
  for (const [key, value] of rows) {
    list.appendChild(document.createElement("dt")).textContent = word(key);
    list.appendChild(document.createElement("dd")).textContent = value;
  }
  if (button) item.append(button);
  return item;
}

function fill(id, cards, none) {
  if (!cards.length) cards = [document.createElement("li")], (cards[0].textContent = word(none));
  at(id).replaceChildren(...cards);
}

function lookCard(look) {
  return card([
    ["at", when(look.at)], ["who", named(look.organisation)], ["role", word(`role.${look.role}`)],
    ["purpose", word(`purpose.${look.purpose}`)], ["categories", listed("category", look.categories)], ["manner", word(`manner.${look.manner}`)],
  ]);
}

function pressed(key, label, act, manner = "grave") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = manner;
  button.textContent = word(key);
  button.setAttribute("aria-label", `${word(key)}: ${label}`);
  button.addEventListener("click", () => run(button, act));
  return button;
}

function consentCard(consent) {
  const rows = [
    ["who", named(consent.receiver)], ["purpose", word(`purpose.${consent.purpose.toLowerCase()}`)],
    ["opens", listed("category", consent.categories)], ["granted", when(consent.grantedAt)], ["ends", when(consent.endsAt)],
  ];
  if (consent.withdrawnAt) return card([...rows, ["withdrawn", when(consent.withdrawnAt)]]);
  if (!may("CONSENT")) return card(rows);
  const label = `${named(consent.receiver)}, ${listed("category", consent.categories)}`;
  return card(rows, pressed("consents.withdraw", label, () => withdraw(consent.id)));
}

function askedCard(request) {
  const item = card([
    ["who", named(request.organisation)], ["purpose", word(`purpose.${request.purpose.toLowerCase()}`)],
    ["opens", listed("category", request.categories)], ["asked.lapses", when(request.lapsesAt)],
  ]);
  item.prepend(document.createElement("p"));
  item.firstChild.textContent = request.text[language];
  const acts = item.appendChild(document.createElement("p"));
  acts.className = "acts";
  acts.append(pressed("asked.no", named(request.organisation), () => answer(request.id, false), "quiet"));
  acts.append(pressed("asked.yes", named(request.organisation), () => answer(request.id, true), ""));
  return item;
}

function waitCards() {
  return waiting.flatMap((each) => each.toCollect.map((one) => {
    const amount = one.quantity === null ? `${one.amount} ${one.currency}` : `${one.quantity} ${one.unit}`;
    const where = one.collection, days = where && `${where.beginsOn} – ${where.endsOn}${where.hours ? `, ${where.hours}` : ""}`;
    const rows = [["who", named(each.organisation)], ["waits.what", word(`aid.${one.kind}`)], ["waits.amount", amount]];
    return card([...rows, ["waits.where", where ? where.place : word("waits.unknown")], ...(days ? [["waits.days", days]] : [])]);
  }));
}

function deviceCard(one) {
  const rows = [["devices.name", one.id === device ? `${one.name} (${word("devices.this")})` : one.name], ["devices.added", when(one.addedAt)]];
  return card(rows, one.id === device ? null : pressed("devices.end", one.name, () => end(one.id)));
}

function recoveryCard(one) {
  const rows = [["recovery.device", one.device], ["at", when(one.askedAt)], ...(one.readyAt ? [["recovery.ready", when(one.readyAt)]] : [])];
  return card(rows, pressed("recovery.act", one.device, () => object(one.id)));
}

function choose(id, options) {
  const chosen = at(id).value;
  at(id).replaceChildren(...options.map(([value, text]) => {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    return option;
  }));
  if (options.some(([value]) => value === chosen)) at(id).value = chosen;
}

function drawGiving() {
  choose("receiver", Object.keys(names).map((id) => [id, named(id)]));
  choose("why", TOGETHER.map((each) => [each, word(`purpose.${each}`)]));
  const checked = new Set([...document.querySelectorAll("#what input:checked")].map((each) => each.value));
  const boxes = CATEGORIES.map((each) => {
    const label = document.createElement("label"), box = label.appendChild(document.createElement("input"));
    box.type = "checkbox";
    box.value = each;
    box.checked = checked.has(each);
    label.append(word(`category.${each}`));
    return label;
  });
  at("what").replaceChildren(at("what").querySelector("legend"), ...boxes);
}

function drawOpen() {
  fill("looks", looks.map(lookCard), "looks.none");
  fill("consents", consents.map(consentCard), "consents.none");
  fill("waits", waitCards(), "waits.none");
  fill("asked", requests.map(askedCard), "asked.none");
  fill("devices", mine.devices.filter((each) => !each.endedAt).map(deviceCard), "devices.title");
  fill("recoveries", mine.recoveries.map(recoveryCard), "recovery.title");
  drawGiving();
  choose("acting", [["", word("acting.self")], ...wards.map((each, place) => [each.id, `${word("acting.ward")} ${place + 1}`])]);
  at("acting").value = ward?.id ?? "";
  for (const each of document.querySelectorAll(".for-guardians")) each.hidden = !wards.length;
  for (const each of document.querySelectorAll(".own")) each.hidden = ward !== null;
  at("recovering").hidden = ward !== null || !mine.recoveries.length;
  at("giving").hidden = !may("CONSENT");
  at("more").hidden = !further;
}

let able = null;

function draw(moved = false) {
  if (able === null) return;
  const waits = kept?.enrolment && kept.enrolment.status !== "VERIFIED";
  const shown = !able ? "unable" : token ? (confirmed ? "open" : "confirming") : !kept?.enrolment ? "enrolling" : waits ? "waiting" : "closed";
  for (const id of ["unable", "enrolling", "waiting", "closed", "confirming", "open"]) at(id).hidden = id !== shown;
  at("joining").hidden = shown !== "enrolling";
  if (waits) {
    const { status, readyAt } = kept.enrolment;
    at("waiting-status").textContent = word(`status.${status}`);
    at("waiting-until").textContent = readyAt ? `${word("waiting.until")} ${when(readyAt)}` : "";
    at("complete").hidden = !readyAt || Date.parse(readyAt) > Date.now();
  }
  drawOpen();
  if (moved) at(shown).querySelector("h2").focus();
}

async function run(button, act) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say("said", "wait");
  try {
    await act();
    if (saying[1] === "wait") say("said", null);
  } catch (failed) {
    const code = failed instanceof Refused ? failed.code : "other";
    say("warned", { ended: "ended", last: "remove.last" }[code] ?? (`error.${code}` in WORDS.en ? `error.${code}` : "error.other"));
    const field = failed.field && at(failed.field);
    if (field instanceof HTMLElement && field.matches("input, textarea, select")) { field.setAttribute("aria-invalid", "true"); field.focus(); }
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// --- beginning --------------------------------------------------------------------------------------------------------------

const ACTS = {
  "look-again": lookAgain, complete, "apply-again": applyAgain, "sign-in": signIn, forget, "sign-out": signOut, more: moreLooks, remove,
  join, joined, close, "leave-unconfirmed": signOut,
};
for (const [id, act] of Object.entries(ACTS)) at(id).addEventListener("click", () => run(at(id), act));
at("enrol").addEventListener("submit", (event) => { event.preventDefault(); run(event.submitter ?? at("enrol"), enrol); });
at("confirm").addEventListener("submit", (event) => { event.preventDefault(); run(event.submitter ?? at("confirm"), confirm); });
at("give").addEventListener("submit", (event) => { event.preventDefault(); run(event.submitter ?? at("give"), grant); });
at("let-in").addEventListener("submit", (event) => { event.preventDefault(); run(event.submitter ?? at("let-in"), letIn); });
at("acting").addEventListener("change", (event) => run(event.target, () => actFor(event.target.value)));
for (const said of ["yes", "no"]) at(`sure-${said}`).addEventListener("click", () => at("sure").close(said));
at("language").addEventListener("change", (event) => { localStorage.setItem("mizalla-language", event.target.value); speak(event.target.value); });

let chosen = "ar";
try {
  chosen = localStorage.getItem("mizalla-language") ?? "ar";
  kept = (await recall()) ?? null;
  await made();
  able = true;
} catch {
  able = false;
}
speak(chosen);
