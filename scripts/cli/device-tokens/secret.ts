// Shows a new device token or feed secret, only this once, with where to put it and what it opens.
import type { Device, NewDeviceToken } from "../../../src/contract/answers.ts";
import type { Recipe } from "../../../src/domain/apps/recipes.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { drawQrCode } from "../../terminal/qr-code.ts";
import { printable } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { referenceTo } from "../command/device-reference.ts";
import type { Session } from "../command/session.ts";

/** The addresses of a device's apps, such as `https://photos.example.com`, with the port of the gate's API. */
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
  recipes?: readonly Recipe[];
  /** Draws it as a QR code; `undefined`: on a terminal. */
  qr?: boolean | undefined;
}

/** Prints a new secret, this once; with `--json` the API's own object. */
export function showSecret({ output, now }: Session, { made, origin, done, recipes = [], qr }: Shown): void {
  output.object(made);
  const { device } = made;
  const secret = printable(made.token);
  const whole = device.kind === "feed" ? feedAddresses(device, origin, secret) : [secret];
  // If a feed reads only folders, no URL is known in full: then this is what to append to one.
  output.whole(...(whole.length > 0 ? whole : [`?latchkey=${secret}`]));
  output.lines("", ...done, ...(device.kind === "feed" ? howToRead(device) : []), ...warnings(made, now()));
  for (const { title, lines } of recipes) {
    output.lines("", output.style("bold", printable(title)));
    output.whole(...lines.map((line) => `  ${printable(line)}`));
  }
  for (const text of whole) drawQrCode(text, output, qr);
}

const isFolder = (path: string) => path.endsWith("/*");

function feedAddresses(device: Device, origin: string, secret: string): string[] {
  const exact = (device.paths ?? []).filter((path) => !isFolder(path));
  return appUrls(device, origin).flatMap((url) =>
    exact.map((path) => `${url}${printable(path)}?latchkey=${secret}`),
  );
}

function howToRead({ paths }: Device): string[] {
  const folders = (paths ?? []).filter(isFolder).map((path) => printable(path.slice(0, -1)));
  return [
    ...folders.map((folder) => `any URL below ${folder} works with ?latchkey=… at its end`),
    "if a URL already has a ?, append &latchkey=… instead",
  ];
}

function warnings({ device }: NewDeviceToken, now: number): string[] {
  const isFeed = device.kind === "feed";
  // The device may end before its secret does.
  const [end] = [device.credentials.at(-1)?.notAfter ?? null, device.expiresAt]
    .filter((date) => date !== null)
    .sort();
  const reference = referenceTo(device);
  return [
    `anyone who has ${isFeed ? "the URL" : "the token"} is let in, from any machine: give it only to the program that uses it`,
    ...(isFeed ? ["URLs end up in histories and logs, including Cloudflare's"] : []),
    `it is shown only this once${end === undefined ? "" : `, and works until ${timeWithHint(end, now)}`}`,
    `to replace it: ${LATCHKEY} rotate ${reference}; to shut the device out: ${LATCHKEY} revoke ${reference}`,
  ];
}
