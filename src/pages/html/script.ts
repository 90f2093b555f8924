/**
 * The only script, and every page works without: it takes an invitation's code out of the address, so that
 * nobody has to type it, and looks again while a device waits.
 */
export const SCRIPT = `"use strict";
const code = document.querySelector("input[name=code]");
if (code && location.hash.length > 1) {
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}
const seconds = Number(document.querySelector("[data-look-again]")?.dataset.lookAgain);
if (seconds > 0) setTimeout(() => location.reload(), seconds * 1000);
`;
