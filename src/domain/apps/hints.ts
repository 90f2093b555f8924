// Sentences made from the rows, for somebody who gives a device a certificate or sees a program refused.
import { CATALOGUE, rowOf } from "./catalogue.ts";
import { isAppName } from "./names.ts";
import type { AppRow, Carried, Carrier } from "./row.ts";

const CERTIFICATE: Record<Carried, string> = {
  yes: "the clients can show a certificate",
  some: "some clients can show a certificate",
  no: "no client can show a certificate",
  "not known": "it is not known whether a client can show a certificate",
};

/** `Jellyfin: some clients can show a certificate (Finamp on Android; ...). A device token in a header: ...` */
export function certificateHint({ title, credentials, instead }: AppRow): string {
  const [carried, note] = credentials.certificate;
  const certificate = `${title}: ${CERTIFICATE[carried]}${note === undefined ? "" : ` (${note})`}.`;
  if (carried === "yes") return certificate;
  return [certificate, headerHint(credentials.header), `Otherwise: ${instead}.`]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

/** For somebody who makes a device token for an app whose clients can't send one; empty if some can, or it isn't known. */
export function tokenHints(row: AppRow): string[] {
  const { header, basic } = row.credentials;
  if (header[0] !== "no" || basic[0] !== "no") return [];
  return [
    `${row.title}: the clients can send a device token neither in a header nor as the HTTP Basic password`,
    certificateHint(row),
  ];
}

function headerHint([carried, note]: Carrier): string {
  if (carried !== "yes" && carried !== "some") return "";
  return `A device token in a header works${carried === "some" ? " with some clients" : ""}${note === undefined ? "" : ` (${note})`}.`;
}

/**
 * One hint for each app in `APPS` with clients that, as far as we know, can't show a certificate. `apps` are those of
 * `GET /me`.
 */
export function certificateHints(apps: readonly { host: string; app?: string | undefined }[]): string[] {
  const names = new Set(apps.flatMap(({ app = "" }) => (isAppName(app) ? [app] : [])));
  return [...names]
    .map(rowOf)
    .filter(({ credentials }) => credentials.certificate[0] !== "yes")
    .map(certificateHint);
}

/** The app whose client this is, by what `clientName` calls it: `Bitwarden Android icons`. */
export function rowOfProgram(program: string): AppRow | undefined {
  return CATALOGUE.find(({ programs }) =>
    programs.some((name) => program === name || program.startsWith(`${name} `)),
  );
}
