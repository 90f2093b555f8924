// The frame of every page.
import { PATHS } from "../../contract/paths.ts";
import type { Principal } from "../../domain/credential.ts";
import { type Html, html } from "./html.ts";

/** What a page is made of, besides its content. */
export interface Frame {
  title: string;
  /** Who is signed in, for the navigation; `undefined` on a page for anybody. */
  principal?: Principal | undefined;
  /** The navigation's entry that this page belongs to. */
  current?: string;
  /** Whether this page is below that entry. */
  below?: boolean;
  /** Whether the page uses the script. Every page works without it. */
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
<meta name="theme-color" content="#0b57b0">
<link rel="icon" href="${ICON}">
${scripted ? html`<script src="${PATHS.script}" defer></script>` : ""}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="brand">Latchkey</p>
${principal === undefined ? "" : navigation(principal, frame)}
</header>
<main id="main">
<h1>${title}</h1>
${content}
</main>
</body>
</html>`;
}

/** A key on blue, embedded: nothing is fetched for it. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b57b0"/><g fill="none" stroke="#fff" stroke-width="3"><circle cx="11" cy="16" r="5"/><path d="M16 16h10v5M21 16v4"/></g></svg>',
)}`;

/** What else acts, besides users: a user with such a name keeps the word in front of it. */
const NOT_A_PERSON = /^user (?:admin|anonymous|gate|invitation|provider)$/;

/** Who acts, without naming the session: `admin`, `token alice/desk`, and `alice` who signed in with the provider. */
export function person(actor: string): string {
  const name = actor.replace(/, session [0-9a-f]+$/, "");
  return NOT_A_PERSON.test(name) ? name : name.replace(/^user /, "");
}

function navigation(principal: Principal, { current, below = false }: Frame): Html {
  if (principal.scope === "emergency") return whoIsSignedIn(principal);
  const entries: [string, string][] = [
    [PATHS.devices, "Devices"],
    ...(principal.user === null ? ([[PATHS.waiting, "Waiting"]] as [string, string][]) : []),
    [PATHS.activity, "Activity"],
    ...(principal.scope === "root"
      ? ([
          [PATHS.invite, "Invite"],
          [PATHS.people, "People"],
        ] as [string, string][])
      : []),
    [PATHS.sessions, "Sessions"],
  ];
  return html`<nav aria-label="Pages"><ul>${entries.map(
    ([path, label]) =>
      html`<li><a href="${path}"${path === current ? html` aria-current="${below ? "true" : "page"}"` : ""}>${label}</a></li>`,
  )}</ul></nav>
${whoIsSignedIn(principal)}`;
}

function whoIsSignedIn(principal: Principal): Html {
  return html`<p class="who">${person(principal.actor)}${principal.scope === "read" ? ", read only" : ""}</p>
<form method="post" action="${PATHS.signOut}"><button class="quiet">Sign out</button></form>`;
}

/** A page that says one thing: what went wrong, or what there is to do. */
export function notice(
  title: string,
  sentence: string,
  link?: { href: string; text: string },
  principal?: Principal,
): Html {
  return layout(
    { title, principal },
    html`<p>${sentence}</p>${link === undefined ? "" : html`<p><a href="${link.href}">${link.text}</a></p>`}`,
  );
}
