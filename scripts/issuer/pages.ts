// The issuer's own pages: sign in, sign out, and what went wrong. They work without script.
import { escapeHtml } from "../html.ts";

/** The one form: who, and the password. `problem` says why the last attempt failed. */
export function loginPage(action: string, given: { who?: string; problem?: string } = {}): string {
  const { who = "", problem } = given;
  return frame(
    "Sign in",
    `${problem === undefined ? "" : `<p role="alert" id="problem">${escapeHtml(problem)}</p>`}
<form method="post" action="${escapeHtml(action)}">
<label>Name or email address
<input name="who" autocomplete="username" autocapitalize="none" spellcheck="false" required value="${escapeHtml(who)}"></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>`,
  );
}

/** `form` is the library's, without a button. */
export function logoutPage(form: string): string {
  return frame(
    "Sign out",
    `${form}
<p>Sign out of this provider, and of everything that you signed in to with it?</p>
<button form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button form="op.logoutForm" class="second">Stay signed in</button>`,
  );
}

export function messagePage(title: string, message: string): string {
  return frame(title, `<p>${escapeHtml(message)}</p>`);
}

/** `form-action` is missing on purpose: browsers apply it to the redirects behind a form, which lead to the client. */
export const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
};

function frame(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – local identity provider</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
<p class="about">The identity provider that <code>npm start</code> runs on this machine, for trying things out.</p>
</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --accent: #6a3fb5; --line: color-mix(in srgb, currentColor 35%, transparent); }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 24rem; margin: 0 auto; padding: 3rem 1.25rem; }
h1 { margin: 0 0 1.5rem; font-size: 1.75rem; line-height: 1.2; }
label { display: block; margin-bottom: 1rem; font-weight: 600; }
input { display: block; width: 100%; margin-top: .25rem; padding: .625rem; font: inherit; font-weight: 400; border: 1px solid var(--line); border-radius: .375rem; }
button { width: 100%; margin-bottom: .75rem; padding: .75rem; font: inherit; font-weight: 600; color: #fff; background: var(--accent); border: 1px solid var(--accent); border-radius: .375rem; cursor: pointer; }
button.second { color: inherit; background: transparent; border-color: var(--line); }
[role=alert] { margin: 0 0 1rem; padding: .625rem .75rem; border-left: .25rem solid #c62828; background: color-mix(in srgb, #c62828 12%, transparent); }
.about { margin-top: 2rem; font-size: .875rem; opacity: .75; overflow-wrap: anywhere; }
`;
