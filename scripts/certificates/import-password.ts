import { randomInt } from "node:crypto";

/** Small letters and digits that no font mixes up: 31 of them. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP_CHARACTERS = 4;

/** A password to type on a phone, `k7mf-2wxa-p9dn-ehq4`: 79 bits, too many to try even with PKCS#12's old KDF. */
export function newImportPassword(): string {
  const group = () =>
    Array.from({ length: GROUP_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
  return Array.from({ length: GROUPS }, group).join("-");
}
