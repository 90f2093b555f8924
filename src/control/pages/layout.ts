// No I/O. No clock.
import type { Principal } from "../../registry/credential.ts";
import { type Html, html } from "./html.ts";
import { PATHS } from "./paths.ts";

/** What a page is made of, besides its content. */
export interface Frame {
  title: string;
  /** Who is signed in, for the navigation; without: a page for anybody. */
  principal?: Principal | undefined;
  /** The navigation's entry that this page belongs to. */
  current?: string;
  /** Whether the page uses the script; every page works without. */
  scripted?: boolean;
}

/** A whole page. */
export function layout(frame: Frame, content: Html | Html[]): Html {
  const { title, principal, scripted = false } = frame;
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} – Latchkey</title>
<link rel="stylesheet" href="${PATHS.style}">
<link rel="icon" href="data:,">
${scripted ? html`<script src="${PATHS.script}" defer></script>` : ""}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="brand">Latchkey</p>
${principal === undefined ? "" : navigation(principal, frame.current)}
</header>
<main id="main">
<h1>${title}</h1>
${content}
</main>
</body>
</html>`;
}

function navigation(principal: Principal, current: string | undefined): Html {
  const entries: [string, string][] = [
    [PATHS.devices, "Devices"],
    ...(principal.user === null ? ([[PATHS.waiting, "Waiting"]] as [string, string][]) : []),
    [PATHS.activity, "Activity"],
    ...(principal.scope === "root" ? ([[PATHS.invite, "Invite"]] as [string, string][]) : []),
    [PATHS.sessions, "Sessions"],
  ];
  return html`<nav aria-label="Pages"><ul>${entries.map(
    ([path, label]) =>
      html`<li><a href="${path}"${path === current ? html` aria-current="page"` : ""}>${label}</a></li>`,
  )}</ul></nav>
<form method="post" action="${PATHS.signOut}"><button class="quiet">Sign out</button></form>`;
}

/** A page that says one thing: what went wrong, or what there is to do. */
export function notice(title: string, sentence: string, link?: { href: string; text: string }): Html {
  return layout(
    { title },
    html`<p>${sentence}</p>${link === undefined ? "" : html`<p><a href="${link.href}">${link.text}</a></p>`}`,
  );
}
