// Words as the pages write them.
import { DEVICE_KINDS, type DeviceKind, type SecretKind } from "../../domain/credential-key.ts";

/** What each kind of device shows, as people say it. */
export const CREDENTIAL_WORDS: Record<DeviceKind, string> = {
  certificate: "certificate",
  token: "token",
  feed: "feed URL",
};

/** What each kind of secret is for, for those who choose one. */
export const SECRETS: Record<SecretKind, { label: string; hint: string }> = {
  token: {
    label: "Token in a header",
    hint: "For apps and programs that can send a header of their own, such as a TV’s app, a widget or a script.",
  },
  feed: {
    label: "Feed URL",
    hint: "For programs that know nothing but an address, such as a calendar or a podcast app. Whoever sees the address can read what it leads to.",
  },
};

/** What a kind that an audit log names shows; lines about certificates name none. */
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
