// A web app of the demo that works offline, with all that makes such apps hard to put behind a gate: its service worker
// answers from its cache first, and shows its shell in place of what the server refuses.
import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * `GET /pwa` is the shell. `GET /pwa?shell` is one whose worker answers every navigation with the shell and asks
 * nobody, as Workbox's `NavigationRoute` does; that of `GET /pwa?pass` passes every request on, as the simplest ones do.
 */
export function pwa(_request: IncomingMessage, response: ServerResponse): void {
  send(response, "text/html", shell(new Date().toISOString()), {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  });
}

/** `GET /service-worker.js`: in the root, so that all pages of the host are its own. */
export function serviceWorker(_request: IncomingMessage, response: ServerResponse): void {
  send(response, "text/javascript", WORKER);
}

/** `GET /pwa/script.js` and `/pwa/style.css`: what the worker keeps besides pages. */
export function pwaScript(_request: IncomingMessage, response: ServerResponse): void {
  send(response, "text/javascript", SCRIPT);
}

export function pwaStyle(_request: IncomingMessage, response: ServerResponse): void {
  send(response, "text/css", STYLE);
}

function send(
  response: ServerResponse,
  type: string,
  content: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(200, {
    "Content-Type": `${type}; charset=utf-8`,
    "Cache-Control": "no-cache",
    ...headers,
  });
  response.end(content);
}

const shell = (made: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo web app behind Latchkey</title>
<link rel="stylesheet" href="/pwa/style.css">
<script src="/pwa/script.js" defer></script>
</head>
<body>
<h1>A web app that works offline</h1>
<dl>
<dt>This page was made at</dt><dd id="made">${made}</dd>
<dt>Service worker</dt><dd id="worker" role="status">starting</dd>
<dt>WebSocket</dt><dd id="socket" role="status">connecting</dd>
<dt>Server, asked by script</dt><dd id="server" role="status">not asked yet</dd>
</dl>
<p><button id="ask">Ask the server</button></p>
<form method="post" action="/upload" enctype="multipart/form-data">
<label>File <input type="file" name="file" id="file"></label>
<button>Send as a form</button>
<button type="button" id="send">Send by script</button>
<output id="upload">nothing sent yet</output>
</form>
</body>
</html>
`;

const WORKER = `
const CACHE = "demo";
const SHELL = "/pwa";
const { searchParams } = new URL(location.href);
const showsShellOnly = searchParams.has("shell");
const passesAllOn = searchParams.has("pass");

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([SHELL, "/pwa/script.js", "/pwa/style.css"])));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (passesAllOn) return event.respondWith(fetch(request));
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(navigation(request));
  else if (request.destination !== "") event.respondWith(asset(request));
});

async function navigation(request) {
  if (showsShellOnly) return caches.match(SHELL);
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept) return kept;
  try {
    const response = await fetch(request);
    // Where a redirect leads is the browser's business.
    if (response.ok) await keep(request, response);
    if (response.ok || response.type === "opaqueredirect") return response;
  } catch {
    // Offline.
  }
  return caches.match(SHELL);
}

async function asset(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await keep(request, response);
  return response;
}

async function keep(request, response) {
  await (await caches.open(CACHE)).put(request, response.clone());
}
`;

const SCRIPT = `
const show = (id, text) => { document.getElementById(id).textContent = text; };
navigator.serviceWorker.register("/service-worker.js" + (["?shell", "?pass"].includes(location.search) ? location.search : ""))
  .then(() => navigator.serviceWorker.ready)
  .then(() => show("worker", "active"), (error) => show("worker", String(error)));
const socket = new WebSocket("/ws");
socket.onopen = () => socket.send("hello");
socket.onmessage = (event) => show("socket", "echo: " + event.data);
socket.onclose = (event) => show("socket", "closed with " + event.code);
async function report(id, asking) {
  try {
    const response = await asking;
    show(id, response.ok ? await response.text() : "answered " + response.status);
  } catch (error) {
    show(id, String(error));
  }
}
document.getElementById("ask").onclick = () => report("server", fetch("/status/200"));
document.getElementById("send").onclick = () => {
  const [file] = document.getElementById("file").files;
  if (file) report("upload", fetch("/upload", { method: "POST", body: file }));
};
`;

const STYLE = `
:root { color-scheme: light dark; }
body { max-width: 40rem; margin: 0 auto; padding: 2rem 1.25rem; font: 1rem/1.5 system-ui, sans-serif; }
dt { font-weight: 600; }
dd { margin: 0 0 .75rem; overflow-wrap: anywhere; }
button, input { font: inherit; }
output { display: block; margin-top: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
`;
