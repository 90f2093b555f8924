import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { escapeHtml } from "../../html.ts";

/** `GET /`: what arrived, as a page for browsers and as text for everything else; with an entity tag. */
export function page(request: IncomingMessage, response: ServerResponse): void {
  const wantsHtml = (request.headers.accept ?? "").includes("text/html");
  if (!wantsHtml) {
    const text = asText(request);
    const etag = `"${createHash("sha256")
      .update(request.headers.host ?? "")
      .digest("hex")
      .slice(0, 16)}"`;
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, { ETag: etag }).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", ETag: etag }).end(text);
    return;
  }
  const nonce = randomBytes(16).toString("base64");
  response.writeHead(200, {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'`,
  });
  response.end(asHtml(request, nonce));
}

function asText({ method, url, headers }: IncomingMessage): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  return [`The demo app: you are through the gate.`, "", `${method} ${url}`, ...lines, ""].join("\n");
}

function asHtml({ method, url, headers }: IncomingMessage, nonce: string): string {
  const rows = Object.entries(headers)
    .map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`)
    .join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo app behind Latchkey</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>You are through the gate</h1>
<p>This is the demo app behind <strong>${escapeHtml(headers.host ?? "")}</strong>. It shows what reached it.</p>
</header>
<section class="tries">
<article><h2>WebSocket</h2><p id="socket" role="status">connecting</p></article>
<article><h2>Server-sent events</h2><p id="clock" role="status">connecting</p></article>
<article><h2>Upload</h2><label>File <input type="file" id="file"></label><p id="upload" role="status">nothing sent yet</p></article>
<article><h2>Download</h2><p><a href="/download?size=52428800" download="demo.bin">50 MB, with ranges</a></p></article>
</section>
<section>
<h2>What arrived</h2>
<p><code>${escapeHtml(method ?? "")} ${escapeHtml(url ?? "")}</code></p>
<div class="wide"><table>
${rows}
</table></div>
</section>
</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --accent: #0a7d55; }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; color: var(--accent); }
h2 { margin: 0 0 .5rem; font-size: 1.0625rem; }
header { margin-bottom: 2rem; }
.tries { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); margin-bottom: 2.5rem; }
article { padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; overflow-wrap: anywhere; }
article p { margin: .5rem 0 0; }
input { max-width: 100%; font: inherit; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .375rem .75rem .375rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
th { white-space: nowrap; font-weight: 600; }
td { overflow-wrap: anywhere; font-family: ui-monospace, monospace; }
@media (prefers-color-scheme: dark) { :root { --accent: #4cc79a; } }
`;

const SCRIPT = `
const show = (id, text) => { document.getElementById(id).textContent = text; };
const socket = new WebSocket("/ws");
socket.onopen = () => socket.send("hello at " + new Date().toLocaleTimeString());
socket.onmessage = (event) => show("socket", "echo: " + event.data);
socket.onclose = (event) => show("socket", "closed with " + event.code);
const events = new EventSource("/events");
events.onmessage = (event) => show("clock", event.data);
events.onerror = () => show("clock", "no connection");
document.getElementById("file").onchange = async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  show("upload", "sending " + file.size + " bytes");
  try {
    const response = await fetch("/upload", { method: "POST", body: file });
    show("upload", response.ok ? JSON.stringify(await response.json()) : "answered " + response.status);
  } catch (error) {
    show("upload", String(error));
  }
};
`;
