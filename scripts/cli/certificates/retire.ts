// Ending one of a device's two certificates or tokens.
import { CREDENTIAL_WORDS } from "../../../src/domain/credential-key.ts";
import { deviceLabel, living } from "../../client/device.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable, short } from "../../terminal/text.ts";
import { fingerprintArgument, fingerprintPrefix, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findDevice } from "../command/device-reference.ts";
import {
  atCloudflareIn,
  requireKnownAtCloudflare,
  requireWipe,
  revokeAt,
  withWaysOut,
} from "../command/target.ts";
import { EVERYWHERE } from "../devices/status.ts";

interface RetireOptions {
  atCloudflare?: boolean;
  zone?: string;
  force?: boolean;
}

export const addRetire: AddCommand = (program) => {
  program
    .command("retire")
    .summary("end one of a device's two certificates or tokens immediately")
    .description(
      "End one of a device's two certificates or tokens immediately: it is refused; the device and its other one are not.",
    )
    .device()
    .argument("<fingerprint>", "its fingerprint: 64 hex digits, or the first 8 or more")
    .option("--at-cloudflare", "then revoke it at Cloudflare too, which frees its slot")
    .option("--zone <name>", "with --at-cloudflare: the zone to look in first (default: that of --url)")
    .option("--force", "with --at-cloudflare: even if the device is lost and has not received the wipe yet")
    .notes(`
Retiring the next one cancels a renewal: the old one stays, without an end date.
A device's only one cannot be retired: revoke the device instead.
--at-cloudflare needs CLOUDFLARE_API_TOKEN, and may be repeated, even for a
certificate that is retired already; Cloudflare knows no tokens.

Examples:
  latchkey retire alice/pixel-9 9f86d081
  latchkey retire alice/pixel-9 9f86d081 --at-cloudflare`)
    .run(async (session, reference: string, text: string, options: RetireOptions) => {
      const { atCloudflare = false, zone, force = false } = options;
      if (!atCloudflare && (zone !== undefined || force)) {
        throw misuse(
          `--${force ? "force" : "zone"} means nothing without --at-cloudflare`,
          "add it, or leave both out",
        );
      }
      const { output, connect, confirm } = session;
      const digits = fingerprintPrefix(text);
      const api = await connect();
      // A missing token is reported before anything is done.
      if (atCloudflare) await session.cloudflare();
      const device = await findDevice(api, reference);
      const label = deviceLabel(device);
      const noun = CREDENTIAL_WORDS[device.kind];
      if (atCloudflare) requireKnownAtCloudflare(device);
      // A lost device may connect with either certificate, and needs it to receive the wipe.
      if (atCloudflare && !force) await requireWipe(session, { device, label });
      const [found, ...others] = device.credentials.filter(({ fingerprint }) =>
        fingerprint.startsWith(digits),
      );
      if (found === undefined || others.length > 0) {
        throw failed(
          `${found === undefined ? "no" : "more than one"} ${noun} of ${label} begins with ${digits}`,
          "give the digits of one of these",
          device.credentials.map(({ fingerprint }) => printable(fingerprint)),
        );
      }
      const fingerprint = fingerprintArgument(found.fingerprint);
      const what = `the ${noun} ${short(fingerprint)} of ${label}`;
      if (living(device).some((each) => each.fingerprint === fingerprint)) {
        await confirm(`Retire ${what}${atCloudflare ? ", and revoke it at Cloudflare for good" : ""}?`);
      } else if (atCloudflare) {
        await confirm(`Revoke ${what}, which is retired already, at Cloudflare for good?`);
      }
      try {
        await api.retireCredential(device, fingerprint);
      } catch (error) {
        throw withWaysOut(error, [`block ${fingerprint}`]);
      }
      output.lines(`${what} is retired: it is refused ${EVERYWHERE}`);
      // Read only for programs, and last: nothing else waits for it.
      const changed = () => api.device(userArgument(device.user), device.id);
      if (!atCloudflare) {
        if (output.json) output.object(await changed());
        return;
      }
      const { cloudflare, lines } = await revokeAt(
        atCloudflareIn(session, api, zone),
        [fingerprint],
        ["in the registry the certificate is retired: it is refused, whatever Cloudflare says"],
      );
      output.lines(...lines);
      if (output.json) output.object({ device: await changed(), cloudflare });
    });
};
