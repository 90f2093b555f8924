// A device as the API answers it: what it is called, and which of its certificates count.
import type { Credential, Device } from "../../src/contract/answers.ts";
import { printable } from "../terminal/text.ts";

/** `alice/pixel-9` */
export function deviceLabel({ user, name }: Device): string {
  return printable(`${user}/${name}`);
}

/** The certificates that are not retired. A Worker deployed before there was retirement does not say. */
export function living({ credentials }: Device): Credential[] {
  return credentials.filter(({ retiredAt }) => (retiredAt ?? null) === null);
}
