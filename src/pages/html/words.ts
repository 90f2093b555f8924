// Words as the pages write them.
import type { DeviceKind } from "../../domain/credential-key.ts";

/** What each kind of device shows, as people say it. */
export const CREDENTIAL_WORDS: Record<DeviceKind, string> = {
  certificate: "certificate",
  token: "token",
  feed: "feed URL",
};

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
