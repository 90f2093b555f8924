import type { Me } from "../../../src/contract/requests.ts";
import { canWipe } from "../../../src/domain/app.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { shellWord } from "../../terminal/text.ts";
import { referenceTo } from "../command/device-reference.ts";
import type { AddCommand } from "../command/session.ts";
import { withWaysOut } from "../command/target.ts";
import { addReasonOption, changeStatus, EVERYWHERE } from "./status.ts";

const WIPES = [
  "On apps with the profile bitwarden, Bitwarden on this device deletes its vault when it next calls.",
  "On all other apps the device is refused.",
];
const NOTHING_DELETED = "No app here has the profile bitwarden: nothing will be deleted on it.";

/** Whether any app here can tell the device to wipe. A Worker that was deployed before does not say: it may. */
async function canWipeAnything(api: Api): Promise<boolean> {
  const { apps }: Partial<Me> = await api.me();
  return apps === undefined || canWipe({ profiles: apps });
}

export const addLost: AddCommand = (program, open) => {
  const command = program
    .command("lost")
    .summary("report a device lost: Bitwarden on it is told to delete its vault")
    .description(
      [
        "Report a device lost. On apps with the profile bitwarden, Bitwarden on that device is told to delete",
        "its vault; on all other apps the device is refused. reinstate ends it when it was found.",
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
      let wipes = true;
      try {
        await changeStatus(open(), {
          act: "lost",
          device,
          reason,
          warning: async (api) => {
            wipes = await canWipeAnything(api);
            return [...(wipes ? WIPES : [NOTHING_DELETED]), "No other device is touched."];
          },
          question: (label) => `Report ${label} lost?`,
          done: (label, _, lost) => [
            `${label} is reported lost: it is refused ${EVERYWHERE}`,
            ...(wipes
              ? [
                  `whether it was told to delete its vault: ${LATCHKEY} show ${referenceTo(lost)}`,
                  `found again: ${LATCHKEY} reinstate; gone for good: ${LATCHKEY} revoke, once it was told`,
                ]
              : [NOTHING_DELETED, `found again: ${LATCHKEY} reinstate; gone for good: ${LATCHKEY} revoke`]),
          ],
        });
      } catch (error) {
        // Not Cloudflare: the answer that wipes is for a certificate that is verified again once it is unblocked.
        throw withWaysOut(error, [`block ${shellWord(device)}`]);
      }
    });
};
