// Words as the pages write them.
import { CREDENTIAL_WORDS, DEVICE_KINDS, type IssuedKind } from "../../domain/credential-key.ts";

/** What each kind of secret is for, to help people choose. */
export const SECRETS: Record<IssuedKind, { label: string; hint: string }> = {
  token: {
    label: "Token in a header",
    hint: "For apps and programs that can send a custom header, such as an app on a TV, a widget or a script.",
  },
  feed: {
    label: "Feed URL",
    hint: "For programs that accept nothing but a URL, such as a calendar or a podcast app. Anyone who sees the URL can read what it leads to.",
  },
};

/** The same for a kind in an audit log, where lines about certificates don't have one. */
export function credentialWord(kind: string | null | undefined): string {
  return CREDENTIAL_WORDS[DEVICE_KINDS.find((each) => each === kind) ?? "certificate"];
}

/** `alice’s` */
export function possessive(user: string): string {
  return `${user}’s`;
}

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** `123 456` */
export function grouped(code: string): string {
  return code.replace(/^(\d{3})(\d{3})$/, "$1 $2");
}
