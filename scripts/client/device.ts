// A device as the API returns it: what it is called, what it shows, and which of its credentials count.
import type { Credential, Device } from "../../src/contract/answers.ts";
import { printable } from "../terminal/text.ts";

/** `alice/pixel-9` */
export function deviceLabel({ user, name }: Device): string {
  return printable(`${user}/${name}`);
}

/** The credentials that are not retired. A Worker deployed before there was retirement does not say. */
export function living({ credentials }: Device): Credential[] {
  return credentials.filter(({ retiredAt }) => (retiredAt ?? null) === null);
}

/** Whether the device itself has expired: whatever its status, it is refused. */
export function hasEnded({ expiresAt }: Pick<Device, "expiresAt">, now: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}
