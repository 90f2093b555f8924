// What a page says when something went wrong.
import type { ApiError } from "../../contract/api-error.ts";
import { PROBLEMS } from "../../contract/problems.ts";
import type { Principal } from "../../domain/credential.ts";
import { show } from "./html.ts";
import { notice } from "./layout.ts";
import { capital } from "./words.ts";

/** An error page for people; `start` is the page that it links back to. */
export function errorPage(
  { code, message, errors, headers }: ApiError,
  start: string,
  principal?: Principal,
): Promise<Response> {
  const { status, title } = PROBLEMS[code];
  const words = WORDS[code];
  const sentence = words?.sentence ?? errors?.map((each) => each.message).join("; ") ?? message;
  const link = { href: start, text: "Back to the start" };
  const page = notice(words?.title ?? title, asSentence(sentence), link, principal);
  // 401 and 403 are no page's status: an app's client on this host might act on them.
  return show(page, status === 401 || status === 403 ? 400 : status, headers);
}

const GONE = "It may have been removed in the meantime. Nothing was changed.";

/** What the page says where the API's own words are about requests and bodies. */
const WORDS: Partial<Record<ApiError["code"], { title?: string; sentence?: string }>> = {
  "invalid-query": { title: "That did not work" },
  "invalid-fields": { title: "Please check what you entered" },
  "not-found": { title: "Nothing here" },
  "unknown-user": { sentence: GONE },
  "unknown-device": { sentence: GONE },
  "certificate-not-listed": {
    sentence: "Somebody may have enrolled or dismissed it in the meantime. Nothing was changed.",
  },
  "unknown-identity": { sentence: GONE },
  "unknown-person": { sentence: "Somebody may have admitted or dismissed them in the meantime." },
  "unknown-session": { sentence: "It may have ended in the meantime." },
  "unknown-invitation": {
    sentence: "It may have been used or withdrawn in the meantime, or it may have expired.",
  },
  "method-not-allowed": { title: "Nothing to see here" },
  "body-too-large": { title: "That is too much text" },
  "wrong-content-type": { title: "That did not work" },
  "malformed-json": { title: "That did not work", sentence: "The text that was sent cannot be read." },
  "registry-unavailable": { title: "Please try again" },
  "internal-error": { title: "Something went wrong on our side" },
};

/** The API's details begin in lower case and end without a full stop. */
function asSentence(text: string): string {
  return `${capital(text)}${/[.!?]$/.test(text) ? "" : "."}`;
}
