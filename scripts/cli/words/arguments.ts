import { deviceNameProblem } from "../../../src/domain/device.ts";
import { FINGERPRINT_HINT, type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../../../src/domain/user.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

/** Words of the command line, read as strictly as the API reads them, before anything is sent. */
export function userArgument(text: string): UserId {
  const user = parseUserId(text);
  if (user === undefined) throw misuse(`'${printable(text)}' is not a user id`, USER_ID_HINT);
  return user;
}

export function deviceNameArgument(text: string): string {
  const problem = deviceNameProblem(text);
  if (problem !== undefined) {
    throw misuse(`'${printable(text)}' is not a device name: ${problem}`, "put a name with spaces in quotes");
  }
  return text;
}

export function fingerprintArgument(text: string): Fingerprint {
  const fingerprint = parseFingerprint(text);
  if (fingerprint === undefined) {
    throw misuse(`'${printable(text)}' is not a fingerprint`, FINGERPRINT_HINT);
  }
  return fingerprint;
}
