// The script of the page that hands out a certificate.

/**
 * Asks for the certificate once a person presses the button, decrypts it with the key in the link, which browsers never
 * send, and offers it as a file. The format: scripts/certificates/bundle.ts.
 */
export const WELCOME_SCRIPT = `"use strict";
const element = (id) => document.getElementById(id);
const encode = (text) => new TextEncoder().encode(text);
const fromBase64 = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const [, code, key] = /^#([0-9a-z]{26})\\.([A-Za-z0-9_-]{43})$/i.exec(location.hash) ?? [];

function show(state) {
  for (const section of document.querySelectorAll("[data-state]")) section.hidden = section.dataset.state !== state;
  scrollTo(0, 0);
}

// Only this browser can fetch the certificate again.
const browser = (() => {
  const made = toHex(crypto.getRandomValues(new Uint8Array(32)));
  try {
    const kept = localStorage.getItem("latchkey-browser");
    if (kept) return kept;
    localStorage.setItem("latchkey-browser", made);
  } catch {
    // Without storage, only this page can.
  }
  return made;
})();

async function ask(look) {
  const proof = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", encode("latchkey bundle " + key))));
  const body = new URLSearchParams({ code, proof, browser, ...(look ? { look: "yes" } : {}) });
  const response = await window.fetch(location.pathname, { method: "POST", body });
  if (response.status === 404) return show("gone");
  if (response.status === 409) return show("refused");
  if (!response.ok) throw new Error("status " + response.status);
  return response.json();
}

async function decrypt({ ciphertext, invitation }) {
  const sealed = fromBase64(ciphertext);
  if (sealed[0] !== 1) throw new Error("unknown format");
  const secret = await crypto.subtle.importKey("raw", fromBase64(key), "AES-GCM", false, ["decrypt"]);
  const additionalData = encode("latchkey bundle 1 " + invitation);
  const plain = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: sealed.subarray(1, 13), additionalData },
    secret,
    sealed.subarray(13),
  );
  return JSON.parse(new TextDecoder().decode(plain));
}

function offer(id, bytes, type, name) {
  element(id).href = URL.createObjectURL(new Blob([bytes], { type }));
  element(id).download = name;
}

const list = (words) => new Intl.ListFormat("en-GB", { type: "disjunction" }).format(words);

// Until when a guest's device is let in, in this device's own time zone, and where.
function limits({ expiresAt, countries, onlyApps }) {
  const end = new Date(expiresAt);
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });
  const names = new Intl.DisplayNames("en-GB", { type: "region" });
  const parts = [
    ...(expiresAt ? ["until " + day.format(end)] : []),
    ...(countries ? ["only from " + list(countries.map((code) => names.of(code)))] : []),
    ...(onlyApps ? ["only to " + list(onlyApps)] : []),
  ];
  const isOver = expiresAt && end <= Date.now();
  return parts.length ? "This device " + (isOver ? "was" : "is") + " let in " + parts.join(", ") + "." : "";
}

function showDevice({ user, name, isRenewal, isWaiting, comparisonCode, ...device }) {
  element("whose").textContent = "This is for " + name + ", one of " + user + "\\u2019s devices.";
  element("renewal").hidden = !isRenewal;
  element("waiting").hidden = !isWaiting;
  element("comparison").textContent = (comparisonCode ?? "").replace(/^(...)(...)$/, "$1 $2");
  for (const line of document.querySelectorAll("[data-limits]")) line.textContent = limits(device);
}

async function get() {
  const answer = await ask(false);
  if (answer === undefined) return;
  showDevice(answer);
  if (answer.isSeen) return show("done");
  const { fileName, password, p12, modern, profile } = await decrypt(answer);
  element("password").textContent = password;
  offer("p12", fromBase64(p12), "application/x-pkcs12", fileName + ".p12");
  offer("modern", fromBase64(modern), "application/x-pkcs12", fileName + "-modern.p12");
  offer("profile", encode(profile), "application/x-apple-aspen-config", fileName + ".mobileconfig");
  for (const address of answer.apps) {
    const link = Object.assign(document.createElement("a"), { href: address, textContent: new URL(address).host });
    link.target = "_blank";
    link.rel = "noreferrer";
    const item = document.createElement("li");
    item.append(link);
    element("apps").append(item);
  }
  show("ready");
}

async function look() {
  const answer = await ask(true);
  if (answer === undefined) return;
  showDevice(answer);
  element("seen").textContent = answer.isSeen
    ? answer.isWaiting
      ? "Almost: the certificate is installed, and this device is waiting for approval."
      : "Yes. This device was seen with its certificate."
    : "Not yet: the certificate has not been seen. Open the app on this device, then check again.";
}

// One request at a time; if it fails, people can try again.
function onPress(id, act, problem) {
  element(id).addEventListener("click", async () => {
    element(id).disabled = true;
    element(problem).textContent = "";
    try {
      await act();
    } catch {
      element(problem).textContent = "That did not work. Please try again in a minute.";
    }
    element(id).disabled = false;
  });
}

onPress("get", get, "problem");
onPress("look", look, "seen");
onPress(
  "copy",
  async () => {
    await navigator.clipboard.writeText(element("password").textContent);
    element("copied").textContent = "Copied.";
  },
  "copied",
);
if (code === undefined) show("gone");
`;
