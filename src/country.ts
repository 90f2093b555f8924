// No I/O. No clock.

// ISO 3166-1 alpha-2, and XK (Kosovo), which Cloudflare reports though ISO has not assigned it: by the first
// letter, the second ones.
const SECOND_LETTERS: Record<string, string> = {
  A: "DEFGILMOQRSTUWXZ",
  B: "ABDEFGHIJLMNOQRSTVWYZ",
  C: "ACDFGHIKLMNORUVWXYZ",
  D: "EJKMOZ",
  E: "CEGHRST",
  F: "IJKMOR",
  G: "ABDEFGHILMNPQRSTUWY",
  H: "KMNRTU",
  I: "DELMNOQRST",
  J: "EMOP",
  K: "EGHIMNPRWYZ",
  L: "ABCIKRSTUVY",
  M: "ACDEFGHKLMNOPQRSTUVWXYZ",
  N: "ACEFGILOPRUZ",
  O: "M",
  P: "AEFGHKLMNRSTWY",
  Q: "A",
  R: "EOSUW",
  S: "ABCDEGHIJKLMNORSTVXYZ",
  T: "CDFGHJKLMNORTVWZ",
  U: "AGMSYZ",
  V: "ACEGINU",
  W: "FS",
  X: "K",
  Y: "ET",
  Z: "AMW",
};

/**
 * Whether a text is a country's code: two capital letters that are assigned. Cloudflare's `T1`
 * (Tor) and `XX` (not known) are none, so that no list of countries can let them in.
 */
export function isCountry(code: string): boolean {
  if (code.length !== 2) return false;
  const [first = "", second = ""] = code;
  return second !== "" && (SECOND_LETTERS[first]?.includes(second) ?? false);
}
