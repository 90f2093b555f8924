// A certificate for a new device.
import { deviceNameKey } from "../../../src/domain/device.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { orAbsent } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed } from "../../terminal/failure.ts";
import { shellWord, short } from "../../terminal/text.ts";
import { localTime } from "../../terminal/time.ts";
import { appHints } from "../command/app-hints.ts";
import { deviceNameArgument, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { type LimitOptions, limitOptions, limitsFrom, limitWords, requireApps } from "../command/limits.ts";
import type { Session } from "../command/session.ts";
import { UNTIL_HELP } from "../command/until.ts";
import {
  ISSUANCE_HELP,
  type IssuanceOptions,
  issuanceOptions,
  issueCertificate,
  showIssued,
} from "./issuance.ts";

interface IssueOptions extends IssuanceOptions, LimitOptions {
  note?: string;
}

export const addIssue: AddCommand = (program) => {
  program
    .command("issue")
    .summary("make a certificate for a new device, enrol it, and write its files")
    .description(
      "Make a certificate for a new device: the key is made on this machine, Cloudflare signs it, the gate lets it in, and files are written that phones and computers can import. The key leaves this machine only with them.",
    )
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as pixel-9")
    .with(issuanceOptions)
    .with(limitOptions)
    .option("--note <text>", "a note for people to read")
    .notes(`
${ISSUANCE_HELP}

Without limits, the device can use every app from anywhere, and never expires.
To change its limits later, use limit.
${UNTIL_HELP}

Examples:
  latchkey issue alice pixel-9 --out ~/certificates
  latchkey issue bob ipad --mobileconfig --days 730
  latchkey issue carol laptop --app git.example.com --until 2026-12-24`)
    .run((session, user: string, name: string, options: IssueOptions) =>
      issue(session, userArgument(user), deviceNameArgument(name), options),
    );
};

export async function issue(
  session: Session,
  user: UserId,
  name: string,
  options: IssueOptions,
): Promise<void> {
  const { note } = options;
  const now = session.now();
  const limits = limitsFrom(options, now);
  const issued = await issueCertificate(
    session,
    {
      user,
      name,
      async check() {
        const api = await session.connect();
        await Promise.all([requireFree(api, user, name), requireApps(api, limits.apps)]);
      },
      async register({ certificate }) {
        const { enrolSigned } = await import("../../cloudflare/issue/registration.ts");
        return enrolSigned(await session.connect(), { user, name, certificate, note, limits });
      },
    },
    options,
  );
  const { fingerprint, notAfter } = issued.signed;
  showIssued(session, issued, [
    `enrolled ${deviceLabel(issued.device)} (certificate ${short(fingerprint)}, valid until ${localTime(notAfter.toISOString())}): it is let in from now on${limitWords(issued.device, now)}`,
  ]);
  const hints = await appHints(session);
  if (hints.length > 0) session.output.lines("", ...hints);
}

/** Before anything is signed: the user exists, and has no device of this name that is not revoked. */
export async function requireFree(api: Api, user: UserId, name: string): Promise<void> {
  const devices = await orAbsent(api.devices(user), "unknown-user");
  if (devices === undefined) throw failed(`there is no user ${user}`, await api.hintForMissing(user));
  const key = deviceNameKey(name);
  const taken = devices.find((device) => device.status !== "revoked" && deviceNameKey(device.name) === key);
  if (taken !== undefined) {
    throw failed(
      `${deviceLabel(taken)} exists already`,
      `choose another name, or give it a new certificate: ${LATCHKEY} rotate ${shellWord(deviceLabel(taken))}`,
    );
  }
}
