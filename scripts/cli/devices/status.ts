// The commands that change a device's status: approve, suspend, reinstate, lost; `revoke` has a file of its own.
import { type Command, Option } from "commander";
import type { Device } from "../../../src/contract/answers.ts";
import { type DeviceStatus, STATUS_ACTS, type StatusAct, transition } from "../../../src/domain/device.ts";
import { withHint } from "../../client/answer.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { groupedCode, printable, shellWord } from "../../terminal/text.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import type { AddCommand, Session } from "../command/session.ts";
import { canWipeAnything, withWaysOut } from "../command/target.ts";

/** The delay is the Worker's `REVOCATION_DELAY_SECONDS`, which the API does not reveal. */
export const EVERYWHERE = "everywhere within the revocation delay (10 s unless configured)";

/** `--reason`, which each of these commands takes. */
export function addReasonOption(command: Command, description: string): Command {
  command.option("--reason <text>", description).addOption(new Option("--note [text]").hideHelp());
  return command.on("option:note", () => {
    throw misuse(
      "this command takes --reason, not --note",
      `write --reason TEXT; to change the device's own note: ${LATCHKEY} note`,
    );
  });
}

interface StatusCommand {
  act: StatusAct;
  device: string;
  reason: string | undefined;
  /** The question to ask first, if the act needs consent. */
  question?: (label: string, device: Device) => string;
  /** What the act does, shown before the question. The answer is then the device's name, typed. */
  warning?: () => Promise<readonly string[]>;
  /** What to say when it is done; `before` is the status the device had. */
  done: (label: string, before: DeviceStatus, device: Device) => string[];
  /** Refuses the act for a device as it is, before anybody is asked and anything is done. */
  check?: (device: Device, label: string) => Promise<void>;
  /** What follows the registry's own act. With `--json` its object is printed instead of the device. */
  afterwards?: (changed: Device) => Promise<{ object: unknown; lines: readonly string[] }>;
}

/** Does what `approve`, `suspend`, `reinstate`, `lost` and `revoke` have in common. */
export async function changeStatus(session: Session, command: StatusCommand): Promise<void> {
  const { act, reason, question, warning, done, check, afterwards } = command;
  const api = await session.connect();
  const device = await findDevice(api, command.device);
  const label = deviceLabel(device);
  await check?.(device, label);
  const { to } = STATUS_ACTS[act];
  const { kind } = transition(device.status, act);
  // What changes nothing needs no consent, unless something follows it; the server still has the last word.
  if (question !== undefined && (kind === "changed" || (kind === "unchanged" && afterwards !== undefined))) {
    const asked = `${question(label, device)} ${identity(device)}`;
    if (warning === undefined) await session.confirm(asked);
    else {
      const names = [device.name, `${device.user}/${device.name}`];
      await session.confirmByName(await warning(), `${asked} Type its name, ${device.name}`, names);
    }
  }
  let changed: Device;
  try {
    changed = await api.act(device, act, reason);
  } catch (error) {
    throw withHint(error, "forbidden-transition", transitionHint(device, act));
  }
  if (device.status === to) session.output.lines(`${label} was ${session.output.status(to)} already`);
  else session.output.lines(...done(label, device.status, device));
  let after: Awaited<ReturnType<NonNullable<typeof afterwards>>> | undefined;
  try {
    after = await afterwards?.(changed);
  } finally {
    session.output.object(after?.object ?? changed);
  }
  session.output.lines(...(after?.lines ?? []));
}

/** What distinguishes a device in a question. */
function identity({ id, status }: Device): string {
  return `(${status}, id ${id})`;
}

function transitionHint(device: Device, act: StatusAct): string {
  if (device.status === "revoked") {
    return `revoked is final: forget the record with ${LATCHKEY} forget ${referenceTo(device)}, then enrol the device again`;
  }
  return `${act} is for devices that are ${STATUS_ACTS[act].from.join(" or ")}; this one is ${device.status}`;
}

export const addApprove: AddCommand = (program, open) => {
  const command = program
    .command("approve")
    .summary("let in a device that is waiting for approval")
    .description(
      "Let in a device that was invited and is waiting for approval: compare the code on its screen first.",
    )
    .argument("<device>", "USER/NAME, such as alice/tablet, or the device's id")
    .allowExcessArguments();
  addReasonOption(command, "why, for the audit log")
    .addHelpText(
      "after",
      `
Unknown certificates are enrolled, not approved, see enrol --unknown.

Example:
  latchkey approve alice/tablet`,
    )
    .action((device: string, { reason }: { reason?: string }) => {
      requireDevice(command.args);
      return changeStatus(open(), {
        act: "approve",
        device,
        reason,
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

export const addSuspend: AddCommand = (program, open) => {
  const command = program
    .command("suspend")
    .summary("refuse a device for a while")
    .description("Refuse a device for a while; reinstate lets it back in.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id");
  addReasonOption(command, "why, for the audit log").action(
    async (device: string, { reason }: { reason?: string }) => {
      try {
        await changeStatus(open(), {
          act: "suspend",
          device,
          reason,
          done: (label) => [`${label} is suspended: it is refused ${EVERYWHERE}`],
        });
      } catch (error) {
        throw withWaysOut(error, [`block ${shellWord(device)}`]);
      }
    },
  );
};

export const addReinstate: AddCommand = (program, open) => {
  const command = program
    .command("reinstate")
    .summary("let a suspended or lost device back in")
    .description("Let a device back in that was suspended, or lost and found again.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id");
  addReasonOption(command, "why, for the audit log").action(
    (device: string, { reason }: { reason?: string }) =>
      changeStatus(open(), {
        act: "reinstate",
        device,
        reason,
        done: (label, before) => [`${label} was ${before} and is active again: it is let in from now on`],
      }),
  );
};

const WIPES = [
  "On apps with the profile bitwarden, Bitwarden on this device deletes its vault when it next connects.",
  "All other apps refuse the device.",
];
const NOTHING_DELETED = "No app here has the profile bitwarden: nothing will be deleted on the device.";

export const addLost: AddCommand = (program, open) => {
  const command = program
    .command("lost")
    .summary("report a device lost, and have Bitwarden on it delete its vault")
    .description(
      [
        "Report a device lost. On apps with the profile bitwarden, Bitwarden on the device deletes its vault",
        "when it next connects; all other apps refuse the device. If it turns up, reinstate lets it back in.",
      ].join(" "),
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id");
  addReasonOption(command, "where and when, for the audit log")
    .addHelpText(
      "after",
      `
Asks you to type the device's name. show says whether the wipe was delivered.
That needs the device's certificate: don't revoke it, here or at Cloudflare,
before then. A phone that is switched off receives nothing.

Example:
  latchkey lost alice/pixel-9 --reason "left in the tram"`,
    )
    .action(async (device: string, { reason }: { reason?: string }) => {
      const session = open();
      let wipes = true;
      try {
        await changeStatus(session, {
          act: "lost",
          device,
          reason,
          warning: async () => {
            wipes = await canWipeAnything(session);
            return [...(wipes ? WIPES : [NOTHING_DELETED]), "Other devices aren't affected."];
          },
          question: (label) => `Report ${label} lost?`,
          done: (label, _, lost) => [
            `${label} is reported lost: it is refused ${EVERYWHERE}`,
            ...(wipes
              ? [
                  `to see whether the wipe was delivered: ${LATCHKEY} show ${referenceTo(lost)}`,
                  `if you find it: ${LATCHKEY} reinstate; if it is gone for good: ${LATCHKEY} revoke, but only after the wipe was delivered`,
                ]
              : [
                  NOTHING_DELETED,
                  `if you find it: ${LATCHKEY} reinstate; if it is gone for good: ${LATCHKEY} revoke`,
                ]),
          ],
        });
      } catch (error) {
        // Not at Cloudflare: the wipe needs a certificate that Cloudflare still verifies once it is unblocked.
        throw withWaysOut(error, [`block ${shellWord(device)}`]);
      }
    });
};
