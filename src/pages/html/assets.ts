// What every page uses besides its own HTML: one style sheet and one script.

/** One column, large enough to tap, light and dark, contrast of at least 4.5:1. */
export const STYLE = `:root{color-scheme:light dark;--bg:#fff;--fg:#1c1c22;--soft:#5a5a66;--line:#8a8a96;--card:#f5f5f8;--link:#0b57b0;--go:#0b57b0;--go-fg:#fff;--danger:#b3161f;--amber:#8a5300;--green:#126b2f}
@media (prefers-color-scheme:dark){:root{--bg:#16161a;--fg:#ececf1;--soft:#b3b3bf;--line:#7d7d8a;--card:#222228;--link:#8ab8ff;--go:#8ab8ff;--go-fg:#10131a;--danger:#ff9a9a;--amber:#ffc46b;--green:#7fdc9b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:44rem;padding:0 1rem 3rem;background:var(--bg);color:var(--fg);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link);padding:.2rem 0}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.5rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;border-bottom:1px solid var(--line);padding:.5rem 0}
.brand{font-weight:700;margin:0}
header form{margin-left:auto}
.who{margin:0;color:var(--soft);font-size:.9rem}
nav{order:1;flex:1 0 100%}
nav ul,.acts{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;margin:0;padding:0;align-items:center}
nav ul{gap:0 .9rem}
@media (max-width:26rem){nav ul{gap:0 .6rem;justify-content:space-between}nav a{font-size:.95rem}}
nav a{display:inline-block;padding:.5rem 0}
nav a[aria-current]{color:var(--fg);box-shadow:0 2px currentColor;text-decoration:none}
h1{font-size:1.6rem;line-height:1.2;margin:1.2rem 0 .6rem}
h2{font-size:1.2rem;margin:1.6rem 0 .5rem}
h3,.card h2{font-size:1.05rem;margin:0 0 .3rem}
p{margin:.4rem 0}
.cards{list-style:none;margin:0;padding:0;display:grid;gap:.75rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem}
details.card{margin:.75rem 0}
.acts{margin:.6rem 0 0}.card .button{padding:.6rem .8rem}
button,.button{display:inline-block;min-height:2.75rem;padding:.6rem 1rem;border:1px solid var(--go);border-radius:.4rem;background:var(--go);color:var(--go-fg);font:inherit;line-height:1.4;text-decoration:none;cursor:pointer}
.button,.quiet{background:var(--bg);color:var(--link);border-color:var(--line)}
.button.go{background:var(--go);color:var(--go-fg);border-color:var(--go)}
.back{margin:.4rem 0}
summary{padding:.4rem 0;cursor:pointer;font-weight:600}
.log summary{padding:.2rem 0;font-weight:400}
.button.lost,.button.revoke{color:var(--danger);border-color:var(--danger)}
button.lost,button.revoke,button.forget{background:var(--danger);border-color:var(--danger);color:var(--bg)}
label{display:block;font-weight:600}
label.inline{display:inline;font-weight:400}
input:not([type=checkbox],[type=radio]),select,textarea{width:100%;min-height:2.75rem;padding:.5rem;border:1px solid var(--line);border-radius:.4rem;background:var(--bg);color:var(--fg);font:inherit}
input[type=checkbox],input[type=radio]{width:1.5rem;height:1.5rem;margin:0 .5rem 0 0;vertical-align:middle}
fieldset{border:1px solid var(--line);border-radius:.4rem;margin:.6rem 0;padding:.4rem .8rem .6rem}legend{font-weight:600;padding:0 .3rem}
.hint{color:var(--soft);font-size:.9rem}
.message{border-left:.3rem solid var(--link);background:var(--card);padding:.6rem .8rem}
.message[role=alert]{border-color:var(--danger)}
.status{border:1px solid var(--line);border-radius:1rem;padding:.05rem .6rem;font-size:.85rem;font-weight:600;white-space:nowrap}
.status.active,.status.used{color:var(--green)}.status.suspended,.status.pending,.soon{color:var(--amber)}.status.lost,.status.revoked,.status.expired,.expired,.refused{color:var(--danger)}
.soon{font-weight:600}
.code{font:700 1.4rem/1.4 ui-monospace,monospace;letter-spacing:.05em}
.button[aria-current]{color:var(--fg);border-color:currentColor;box-shadow:inset 0 0 0 1px currentColor}
pre{overflow-x:auto;margin:.4rem 0;white-space:pre-wrap}
.long{font-family:ui-monospace,monospace;font-size:.85rem}
.note{white-space:pre-wrap}
.qr{max-width:18rem}.qr svg{width:100%;height:auto;display:block}
dl{margin:.6rem 0}dt{font-weight:600;margin-top:.5rem}dd{margin:0}
.filter{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end}.filter p{flex:1 1 12rem}.filter p:last-child{flex:none}
.log{list-style:none;margin:0;padding:0}
.log li{border-top:1px solid var(--line);padding:.6rem 0}
.log p{margin:0}
.log a,.card h3 a{display:inline-block;min-width:1.5rem}
.fact{margin-right:.6rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
`;

/**
 * Every page works without it. It takes the code of an invitation or of an emergency card out of the address, so that
 * nobody has to type it, and reloads the page while a device waits. It adds a button to what is to be copied.
 */
export const SCRIPT = `"use strict";
const code = document.querySelector("input[name=code], input#card");
const form = code?.id === "card" ? /^#[0-9A-Z]{26}$/ : /^#./;
if (code && form.test(location.hash)) {
  code.value = location.hash.slice(1);
  code.closest("details")?.setAttribute("open", "");
  history.replaceState(null, "", location.pathname);
}
const seconds = Number(document.querySelector("[data-look-again]")?.dataset.lookAgain);
if (seconds > 0) setTimeout(() => location.reload(), seconds * 1000);
for (const text of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  const what = document.createElement("span");
  what.className = "unseen";
  what.textContent = " " + text.labels[0].textContent;
  button.append("Copy", what);
  button.addEventListener("click", () =>
    navigator.clipboard.writeText(text.value).then(() => (button.firstChild.data = "Copied"), () => text.select()));
  text.after(button);
}
`;
