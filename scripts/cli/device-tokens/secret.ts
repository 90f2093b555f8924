// A device's token or a feed's secret, just made: shown this once, with where to put it and whom it lets in.
import type { Device, NewDeviceToken } from "../../../src/contract/answers.ts";
import { CREDENTIAL_NOUN, deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { drawQrCode } from "../../terminal/qr-code.ts";
import { printable } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { referenceTo } from "../command/device-reference.ts";
import type { Session } from "../command/session.ts";

/** Where a device's apps are: `https://photos.example.com`, at the port of the gate's API. */
export function appUrls({ apps }: Device, origin: string): string[] {
  return (apps ?? []).map((host) => {
    const url = new URL(origin);
    url.hostname = host;
    return url.origin;
  });
}

/** What is shown of a new secret. */
export interface Shown {
  made: NewDeviceToken;
  /** The gate's, to name the apps' addresses. */
  origin: string;
  /** What was done, printable; the secret is in none of these lines. */
  done: readonly string[];
  /** Lines to copy that contain the secret. */
  recipes?: readonly { title: string; lines: readonly string[] }[];
  /** Draws it as a QR code; `undefined`: on a terminal. */
  qr?: boolean | undefined;
}

/** Prints a new secret, this once; with `--json` the API's own object. */
export function showSecret({ output, now }: Session, { made, origin, done, recipes = [], qr }: Shown): void {
  output.object(made);
  const { device } = made;
  const secret = printable(made.token);
  const addresses = device.kind === "feed" ? feedAddresses(device, origin, secret) : [secret];
  output.whole(...addresses);
  output.lines("", ...done, ...(device.kind === "feed" ? howToRead(device, secret) : []));
  output.lines(...warnings(device, now()));
  for (const { title, lines } of recipes) {
    output.lines("", output.style("bold", printable(title)));
    output.whole(...lines.map((line) => `  ${printable(line)}`));
  }
  for (const address of addresses) drawQrCode(address, output, qr);
}

const isPattern = (path: string) => path.endsWith("/*");

/** Every address that is known in full, else what has to be added to one. */
function feedAddresses(device: Device, origin: string, secret: string): string[] {
  const exact = (device.paths ?? []).filter((path) => !isPattern(path));
  const addresses = appUrls(device, origin).flatMap((url) =>
    exact.map((path) => `${url}${printable(path)}?latchkey=${secret}`),
  );
  return addresses.length > 0 ? addresses : [`?latchkey=${secret}`];
}

function howToRead({ apps, paths }: Device, secret: string): string[] {
  const below = (paths ?? []).filter(isPattern).map((path) => printable(path.slice(0, -1)));
  const hosts = (apps ?? []).map(printable).join(" or ");
  return [
    ...below.map((path) => `to read anything below ${path} at ${hosts}, add ?latchkey=… to its address`),
    `in an address that has a ? already, the end is &latchkey=…, with the same secret (${secret.slice(0, 8)}…)`,
  ];
}

function warnings(device: Device, now: number): string[] {
  const { kind, credentials } = device;
  const [end = null] = credentials.slice(-1).map(({ notAfter }) => notAfter);
  const it = kind === "feed" ? "the address" : "the token";
  return [
    `whoever knows ${it} is let in, from any machine: give it only to the program that uses it`,
    ...(kind === "feed"
      ? ["addresses end up in histories and logs, those of Cloudflare's own analytics among them"]
      : []),
    `it is shown only this once${end === null ? "" : `, and works until ${timeWithHint(end, now)}`}; the next one: ${LATCHKEY} rotate ${referenceTo(device)}`,
    `to end it: ${LATCHKEY} revoke ${referenceTo(device)}`,
  ];
}

/** `its token`, for a device that is not a certificate's. */
export function secretOf(device: Device): string {
  return `the ${CREDENTIAL_NOUN[device.kind]} of ${deviceLabel(device)}`;
}
