// Says once that the command line and the gate are not of the same version.
import { VERSION } from "../../src/contract/version.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { printable } from "../terminal/text.ts";

/** Digits only: whatever else a stranger's server may send is not compared. */
const RELEASE = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})/;

/** What to say, or `undefined` if both are the same version or the gate does not say. */
export function versionNotice(
  gate: string,
  origin: string,
  own = VERSION,
): [line: string, hint: string] | undefined {
  const order = compare(gate, own);
  if (order === undefined || gate === own) return undefined;
  const hint =
    order > 0
      ? "update this command to the gate's version, so that it knows what the gate does"
      : `deploy this version with ${LATCHKEY} upgrade; until then, what is new in it may not work`;
  return [`${origin} runs Latchkey ${printable(gate)}, and this command is ${own}`, hint];
}

/** Positive if `a` is later. Of the same release, a version without a suffix is later than one with it. */
function compare(a: string, b: string): number | undefined {
  const [left, right] = [RELEASE.exec(a), RELEASE.exec(b)];
  if (left === null || right === null) return undefined;
  for (const part of [1, 2, 3]) {
    const difference = Number(left[part]) - Number(right[part]);
    if (difference !== 0) return difference;
  }
  return Number(a === left[0]) - Number(b === right[0]);
}
