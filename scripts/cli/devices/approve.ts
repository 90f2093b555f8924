import type { Device } from "../../../src/contract/requests.ts";
import { withUnknownUser } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { groupedCode, printable, short } from "../../terminal/text.ts";
import { deviceNameArgument, userArgument } from "../command/arguments.ts";
import { findUnknownCertificate, isDeviceReference } from "../command/device-reference.ts";
import type { AddCommand, Session } from "../command/session.ts";
import { changeStatus } from "./status.ts";
import { deviceLabel } from "./view.ts";

export const addApprove: AddCommand = (program, open) => {
  program
    .command("approve")
    .summary("let a device in that was invited, or a certificate that is waiting")
    .description(
      "Let a device in that was invited and waits for approval: compare the code on its screen first. Or enrol a certificate that is waiting, as a device of a user: compare the fingerprint first.",
    )
    .argument("<waiting>", "the device, USER/NAME or its id; or a fingerprint, or its first 8 digits or more")
    .argument("[user]", "with a fingerprint: the user's id, such as alice")
    .argument("[name]", "with a fingerprint: the device's name, such as pixel-9")
    .option("--note <text>", "with a fingerprint: a note on the device, for people to read")
    .option("--reason <text>", "with a device: why, for the audit log")
    .addHelpText(
      "after",
      `
Examples:
  latchkey approve alice/tablet
  latchkey approve 9f86d081 alice pixel-9`,
    )
    .action(
      async (
        waiting: string,
        user: string | undefined,
        name: string | undefined,
        { note, reason }: { note?: string; reason?: string },
      ) => {
        if (!isDeviceReference(waiting)) {
          if (reason !== undefined) {
            throw misuse(
              "--reason is for a device that was invited",
              "a certificate becomes a new device: give that one a --note, or leave both out",
            );
          }
          return approveCertificate(open, waiting, user, name, note);
        }
        if (note !== undefined) {
          throw misuse(
            "--note is for a certificate that becomes a new device",
            `why an invited device is approved is its --reason; its own note is changed with ${LATCHKEY} note`,
          );
        }
        if (user !== undefined) {
          throw misuse(
            `'${printable(waiting)}' names a device: what follows it is too much`,
            `write ${LATCHKEY} approve USER/NAME, or ${LATCHKEY} approve FINGERPRINT USER NAME`,
          );
        }
        return approveDevice(open(), waiting, reason);
      },
    );
};

function approveDevice(session: Session, device: string, reason: string | undefined): Promise<void> {
  return changeStatus(session, {
    act: "approve",
    device,
    reason,
    question: comparison,
    done: (label) => [`${label} is approved: it is let in from now on`],
  });
}

/** Who sits at the device reads its code out: another's device, in the place of the invited one, shows another. */
function comparison(label: string, { comparisonCode }: Device): string {
  return comparisonCode === null
    ? `Approve ${label}, which has no code to compare?`
    : `Does ${label} show the code ${groupedCode(comparisonCode)}? A yes lets it in`;
}

async function approveCertificate(
  open: () => Session,
  text: string,
  userText: string | undefined,
  nameText: string | undefined,
  noteText: string | undefined,
): Promise<void> {
  if (userText === undefined || nameText === undefined) {
    throw misuse(
      `the ${userText === undefined ? "user" : "device's name"} is missing`,
      `write ${LATCHKEY} approve FINGERPRINT USER NAME, or USER/NAME of a device that was invited`,
    );
  }
  const user = userArgument(userText);
  const name = deviceNameArgument(nameText);
  const { output, ...session } = open();
  const api = await session.api();
  const fingerprint = await findUnknownCertificate(api, text);
  const note = noteText === undefined ? {} : { note: noteText };
  try {
    const { created, value } = await api.approve(fingerprint, { user, name, ...note });
    output.object(value);
    output.lines(
      created
        ? `enrolled ${deviceLabel(value)} (certificate ${short(fingerprint)}): it is let in from now on`
        : `${deviceLabel(value)} is already enrolled with this certificate and ${output.status(value.status)}`,
    );
  } catch (error) {
    throw withUnknownUser(error, user, `add the user first: ${LATCHKEY} users add ${user}`);
  }
}
