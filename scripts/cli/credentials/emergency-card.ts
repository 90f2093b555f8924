// An emergency card on paper: where its code is typed in, and the page to print.
import { lstat } from "node:fs/promises";
import { html } from "hono/html";
import { toSvgPath } from "lean-qr/extras/svg";
import { generate } from "lean-qr/nano";
import type { NewToken } from "../../../src/contract/answers.ts";
import { PATHS } from "../../../src/contract/paths.ts";
import { groupedCode } from "../../../src/domain/general/typed-code.ts";
import type { Api } from "../../client/api.ts";
import { SECRET_MODE, writeNew } from "../../files.ts";
import { errorCode, type Failure, failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

/** The light margin that cameras need around a QR code, in modules. */
const BORDER = 4;

/** Where the pages are. Without an `ADMIN_HOST`, apps' hosts serve the API, and nobody can sign in anywhere. */
export async function pagesOf(api: Api): Promise<URL> {
  const { apps } = await api.me();
  const address = new URL(api.origin);
  if (apps.some(({ host }) => host === address.hostname)) {
    throw failed(
      "this gate has no pages, so nobody could use an emergency card",
      "set ADMIN_HOST in wrangler.toml and deploy, see docs/pages.md",
    );
  }
  return address;
}

/** Before the card is made: it is shown only once. */
export async function refuseExisting(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined) throw writeFailure(Object.assign(new Error(), { code: "EEXIST" }), path);
}

/** Writes the page to print, for its owner's eyes only. */
export async function writeCard(path: string, page: string): Promise<void> {
  try {
    await writeNew(path, page, SECRET_MODE);
  } catch (error) {
    throw writeFailure(error, path);
  }
}

function writeFailure(error: unknown, path: string): Failure {
  const shown = printable(path);
  const code = errorCode(error);
  if (code === "EEXIST")
    return misuse(`${shown} is there already`, "give another --print FILE, or remove it");
  return failed(
    `the card could not be written to ${shown} (${code ?? "unknown"})`,
    "give another --print FILE",
  );
}

/** A page to print, which loads nothing. The QR code opens the sign-in page with the code filled in. */
export async function cardPage(made: NewToken, pages: URL): Promise<string> {
  const { user, name, token, createdAt, expiresAt } = made;
  const link = new URL(PATHS.home, pages);
  link.hash = token;
  const validity = expiresAt === null ? "until it is revoked" : `until ${expiresAt.slice(0, 10)}`;
  const page = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Emergency card for ${user}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Emergency card for ${user}</h1>
<p>If one of ${user}’s devices is lost or stolen, this card shuts it out. Any phone or computer will do.</p>
<div class="use">
${qrCode(link.href)}
<dl>
<dt>Address</dt><dd>${pages.host}</dd>
<dt>Code</dt><dd class="code">${groupedCode(token)}</dd>
</dl>
</div>
<ol>
<li>Scan the QR code. Or open the address, choose <strong>I have an emergency card</strong>, and type the code.</li>
<li>Press <strong>Show the devices</strong>.</li>
<li>Choose what to do with the device that is gone, then sign out:
<ul>
<li><strong>Suspend</strong> blocks it for now.</li>
<li><strong>Lost</strong> blocks it, and makes Bitwarden on it delete its vault, if there is one.</li>
<li><strong>Revoke</strong> blocks it for good.</li>
</ul></li>
</ol>
<p class="small">Keep this card where you keep your passport. Anyone who has it can shut out ${user}’s devices, but do nothing else. “${name}”, made on ${createdAt.slice(0, 10)}, valid ${validity}.</p>
</main>
</body>
</html>
`;
  return `<!doctype html>\n${await page}`;
}

function qrCode(text: string) {
  const code = generate(text);
  const side = code.size + 2 * BORDER;
  return html`<svg role="img" aria-label="QR code of the address with the code" viewBox="${-BORDER} ${-BORDER} ${side} ${side}" shape-rendering="crispEdges"><rect x="${-BORDER}" y="${-BORDER}" width="${side}" height="${side}" fill="white"/><path d="${toSvgPath(code)}" fill="black"/></svg>`;
}

const STYLE = `@page{margin:15mm}
body{margin:2rem auto;max-width:34rem;padding:0 1rem;background:#fff;color:#000;font:1rem/1.5 system-ui,sans-serif}
main{border:2px solid;border-radius:.5rem;padding:1rem 1.5rem;break-inside:avoid}
h1{font-size:1.5rem;line-height:1.2;margin:.5rem 0}
.use{display:flex;flex-wrap:wrap;gap:1.5rem;align-items:center;margin:1rem 0}
svg{width:12rem;height:12rem}
dl{margin:0}dt{font-weight:600}dd{margin:0 0 .8rem;overflow-wrap:anywhere}
.code{font:700 1.25rem/1.4 ui-monospace,monospace;max-width:13rem;overflow-wrap:normal}
li{margin:.3rem 0}
.small{font-size:.85rem}`;
