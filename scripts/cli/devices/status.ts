// The commands that change a device's status: approve, suspend, reinstate, lost; `revoke` has a file of its own.
import { type Command, Option } from "commander";
import type { Device } from "../../../src/contract/answers.ts";
import { STATUS_ACTS, type StatusAct, transition } from "../../../src/domain/device.ts";
import { withHint } from "../../client/answer.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { groupedCode, printable, shellWord } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import type { Session } from "../command/session.ts";
import { canWipeAnything, withWaysOut } from "../command/target.ts";

/** The API does not reveal the Worker's `REVOCATION_DELAY_SECONDS`. */
export const EVERYWHERE = "everywhere within 10 seconds (or your REVOCATION_DELAY_SECONDS)";

export interface ReasonOptions {
  reason?: string;
}

/** `--reason`, which each of these commands takes. */
export function reasonOption(command: Command, description = "why, for the audit log"): Command {
  return command
    .option("--reason <text>", description, (text) => {
      if (text.trim() !== "") return text;
      throw misuse("--reason is empty", "say why in a few words, or leave --reason out");
    })
    .addOption(new Option("--note [text]").hideHelp())
    .on("option:note", () => {
      throw misuse(
        "this command takes --reason, not --note",
        `write --reason TEXT; to change the device's own note: ${LATCHKEY} note`,
      );
    });
}

/** What distinguishes one of these commands from the others. */
interface Change {
  /** The question to ask first, if the act needs consent. */
  question?: (label: string, device: Device) => string;
  /** What the act does, shown before the question. The answer is then the device's name, typed. */
  warning?: () => Promise<readonly string[]>;
  /** What to say when it is done, of the device as it was before. */
  done: (label: string, before: Device) => string[];
  /** Refuses the act for a device as it is, before anybody is asked and anything is done. */
  check?: (device: Device, label: string) => Promise<void>;
  /** What follows the registry's own act. With `--json` its object is printed instead of the device. */
  afterwards?: ((changed: Device) => Promise<{ object: unknown; lines: readonly string[] }>) | undefined;
  /** Commands that shut the device out if the registry does not answer. */
  waysOut?: readonly string[] | undefined;
}

/** Does what `approve`, `suspend`, `reinstate`, `lost` and `revoke` have in common. */
export async function changeStatus(
  session: Session,
  act: StatusAct,
  reference: string,
  { reason }: ReasonOptions,
  change: Change,
): Promise<void> {
  try {
    await doChange(session, act, reference, reason, change);
  } catch (error) {
    throw change.waysOut === undefined ? error : withWaysOut(error, change.waysOut);
  }
}

async function doChange(
  session: Session,
  act: StatusAct,
  reference: string,
  reason: string | undefined,
  { question, warning, done, check, afterwards }: Change,
): Promise<void> {
  const { output } = session;
  const api = await session.connect();
  const device = await findDevice(api, reference);
  const label = deviceLabel(device);
  await check?.(device, label);
  const { to } = STATUS_ACTS[act];
  const { kind } = transition(device.status, act);
  // What changes nothing needs no consent, unless something follows it; the server still has the last word.
  if (question !== undefined && (kind === "changed" || (kind === "unchanged" && afterwards !== undefined))) {
    const asked = `${question(label, device)} (${device.status}, id ${device.id})`;
    if (warning === undefined) await session.confirm(asked);
    else {
      const names = [device.name, `${device.user}/${device.name}`];
      const typed = `${asked} Type its name, ${device.name}`;
      await session.confirm(typed, { warning: await warning(), names });
    }
  }
  let changed: Device;
  try {
    changed = await api.act(device, act, reason);
  } catch (error) {
    throw withHint(error, "forbidden-transition", transitionHint(device, act));
  }
  if (device.status === to) output.lines(`${label} was ${output.status(to)} already`);
  else output.lines(...done(label, device));
  let after: { object: unknown; lines: readonly string[] } = { object: changed, lines: [] };
  try {
    if (afterwards !== undefined) after = await afterwards(changed);
  } finally {
    output.object(after.object);
  }
  output.lines(...after.lines);
}

function transitionHint(device: Device, act: StatusAct): string {
  if (device.status === "revoked") {
    return `revoked is final: forget the record with ${LATCHKEY} forget ${referenceTo(device)}, then enrol the device again`;
  }
  return `${act} is for devices that are ${STATUS_ACTS[act].from.join(" or ")}; this one is ${device.status}`;
}

export const addApprove: AddCommand = (program) => {
  const command = program
    .command("approve")
    .summary("let in a device that is waiting for approval")
    .description(
      "Let in a device that was invited and is waiting for approval: compare the code on its screen first.",
    )
    .device("tablet")
    .allowExcessArguments()
    .with(reasonOption)
    .notes(`
Unknown certificates are enrolled, not approved: see enrol --unknown.

Example:
  latchkey approve alice/tablet`)
    .run((session, device: string, options: ReasonOptions) => {
      requireDevice(command.args);
      return changeStatus(session, "approve", device, options, {
        question: comparison,
        done: (label) => [`${label} is approved: it is let in from now on`],
      });
    });
};

/** `approve FINGERPRINT USER NAME` gets the command that enrols the certificate. */
function requireDevice([device = "", ...others]: readonly string[]): void {
  const [user = "USER", name = "NAME"] = others;
  if (/^[0-9a-f:]{8,}$/i.test(device)) {
    throw misuse(
      `'${printable(device)}' is a fingerprint, and approve is for devices`,
      `to enrol an unknown certificate: ${LATCHKEY} ${["enrol", user, name, "--unknown", device].map(shellWord).join(" ")}`,
    );
  }
  if (others.length > 0) throw misuse("too many arguments for 'approve'", `see ${LATCHKEY} approve --help`);
}

/** The person at the device reads the code out. Another device, in place of the invited one, shows another code. */
function comparison(label: string, { comparisonCode }: Device): string {
  return comparisonCode === null
    ? `Approve ${label}, which has no code to compare?`
    : `Does ${label} show the code ${groupedCode(comparisonCode)}? A yes lets it in`;
}

export const addSuspend: AddCommand = (program) => {
  program
    .command("suspend")
    .summary("refuse a device for a while")
    .description("Refuse a device for a while; reinstate lets it back in.")
    .device()
    .with(reasonOption)
    .run((session, device: string, options: ReasonOptions) =>
      changeStatus(session, "suspend", device, options, {
        done: (label) => [`${label} is suspended: it is refused ${EVERYWHERE}`],
        waysOut: [`block ${shellWord(device)}`],
      }),
    );
};

export const addReinstate: AddCommand = (program) => {
  program
    .command("reinstate")
    .summary("let a suspended or lost device back in")
    .description("Let a device back in that was suspended, or lost and found again.")
    .device()
    .with(reasonOption)
    .run((session, device: string, options: ReasonOptions) =>
      changeStatus(session, "reinstate", device, options, {
        done: (label, { status }) => [`${label} was ${status} and is active again: it is let in from now on`],
      }),
    );
};

const WIPES = [
  "On apps with the profile bitwarden, Bitwarden on this device deletes its vault when it next connects.",
  "All other apps refuse the device.",
];
const NO_VAULT = "No app here has the profile bitwarden: nothing will be deleted on the device.";
const NO_CERTIFICATE = "It has no certificate to prove itself with: nothing will be deleted on the device.";
const CLEARS = [
  "When this browser next opens an app, it is told to delete what it stores of that app: cookies, cached pages, data.",
  "Its user's sessions on the pages end. From now on, nobody can sign in as them without proving again who they are at the identity provider.",
];
const ALSO_AT_PROVIDER = "end its session at the identity provider, too: Latchkey can't";

export const addLost: AddCommand = (program) => {
  program
    .command("lost")
    .summary("report a device lost, and have Bitwarden on it delete its vault")
    .description(
      "Report a device lost. On apps with the profile bitwarden, Bitwarden on the device deletes its vault when it next connects; all other apps refuse the device. A browser that is signed in is told to delete what it stores of the apps. If the device turns up, reinstate lets it back in.",
    )
    .device()
    .with((command) => reasonOption(command, "where and when, for the audit log"))
    .notes(`
Asks you to type the device's name. show says whether the wipe was delivered.
That needs the device's certificate: don't revoke it, here or at Cloudflare,
before then. A phone that is switched off receives nothing.

Example:
  latchkey lost alice/pixel-9 --reason "left on the tram"`)
    .run(async (session, device: string, options: ReasonOptions) => {
      /** Why nothing will be deleted on it. */
      let unwiped: string | undefined;
      let isBrowser = false;
      await changeStatus(session, "lost", device, options, {
        check: async ({ kind }) => {
          isBrowser = kind === "browser";
          if (kind !== "certificate" && !isBrowser) unwiped = NO_CERTIFICATE;
        },
        warning: async () => {
          if (isBrowser) return [...CLEARS, "Other devices aren't affected."];
          if (unwiped === undefined && !(await canWipeAnything(session))) unwiped = NO_VAULT;
          return [...(unwiped === undefined ? WIPES : [unwiped]), "Other devices aren't affected."];
        },
        question: (label) => `Report ${label} lost?`,
        done: (label, lost) => [
          `${label} is reported lost: it is refused ${EVERYWHERE}`,
          ...(isBrowser ? [ALSO_AT_PROVIDER] : []),
          unwiped ??
            `to see whether ${isBrowser ? "it was told to clear what it stores" : "the wipe was delivered"}: ${LATCHKEY} show ${referenceTo(lost)}`,
          `if you find it: ${LATCHKEY} reinstate ${referenceTo(lost)}; if it is gone for good: ${LATCHKEY} revoke ${referenceTo(lost)}${unwiped === undefined ? `, but only after ${isBrowser ? "it was told" : "the wipe was delivered"}` : ""}`,
        ],
        // Not at Cloudflare: the wipe needs a certificate that Cloudflare still verifies once it is unblocked.
        waysOut: [`block ${shellWord(device)}`],
      });
    });
};
