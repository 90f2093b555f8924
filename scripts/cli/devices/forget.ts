import { withHint } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import type { AddCommand } from "../command/session.ts";
import { deviceLabel } from "./view.ts";

export const addForget: AddCommand = (program, open) => {
  program
    .command("forget")
    .summary("delete the record of a revoked device")
    .description(
      "Delete the record of a revoked device. Its certificate may be enrolled again then; the audit log stays.",
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .action(async (reference: string) => {
      const { output, ...session } = open();
      const api = await session.api();
      const device = await findDevice(api, reference, "revoked");
      const label = deviceLabel(device);
      if (device.status === "revoked") {
        await session.confirm(`Forget the revoked device ${label}? (id ${device.id})`);
      }
      try {
        await api.forget(device);
      } catch (error) {
        throw withHint(error, "not-revoked", `revoke it first: ${LATCHKEY} revoke ${referenceTo(device)}`);
      }
      output.lines(`forgot ${label}: its certificate is unknown now, and may be enrolled again`);
    });
};
