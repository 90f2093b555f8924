import type { Device } from "../../src/control/contract.ts";
import { LATCHKEY } from "./shared/called-as.ts";
import { referenceTo } from "./shared/device-reference.ts";
import { failed, misuse } from "./shared/failure.ts";
import type { AddCommand } from "./shared/session.ts";
import { changeStatus, EVERYWHERE } from "./shared/status-act.ts";

interface RevokeOptions {
  note?: string;
  atCloudflare?: boolean;
  zone?: string;
  force?: boolean;
}

export const addRevoke: AddCommand = (program, open) => {
  program
    .command("revoke")
    .summary("refuse a device for good")
    .description(
      "Refuse a device for good. No other device is touched. There is no way back for its certificates.",
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .option("--note <text>", "why, for the audit log")
    .option("--at-cloudflare", "then revoke the certificate at Cloudflare too, which frees its slot")
    .option("--zone <name>", "with --at-cloudflare: the zone to look in first (default: that of --url)")
    .option("--force", "with --at-cloudflare: even a lost device that was not told to delete its vault yet")
    .addHelpText(
      "after",
      `
A device that may turn up again is better reported lost, or suspended.
A connection that is open already, such as a WebSocket, lives on until it closes.
--at-cloudflare needs CLOUDFLARE_API_TOKEN, and may be repeated: for a device that is revoked already, too.

Examples:
  latchkey revoke alice/pixel-9
  latchkey revoke alice/pixel-9 --note stolen --yes
  latchkey revoke alice/pixel-9 --at-cloudflare`,
    )
    .action(async (device: string, options: RevokeOptions) => {
      const { note, atCloudflare = false, zone, force = false } = options;
      if (!atCloudflare && (zone !== undefined || force)) {
        throw misuse(
          `--${force ? "force" : "zone"} means nothing without --at-cloudflare`,
          "add it, or leave both out",
        );
      }
      const session = open();
      // A missing token is told before anything is done. Cloudflare itself is asked afterwards: it must not
      // stand in the way of the registry's word.
      const client = atCloudflare ? await session.cloudflare() : undefined;
      await changeStatus(session, {
        act: "revoke",
        device,
        note,
        question: (label) => `Revoke ${label} for good${atCloudflare ? ", here and at Cloudflare" : ""}?`,
        done: (label) => [`${label} is revoked: it is refused ${EVERYWHERE}`],
        ...(client === undefined
          ? {}
          : {
              check: (found, label) => {
                if (!force) requireWipe(found, label);
              },
              afterwards: async (changed) => {
                const { revokeEverywhere } = await import("../cloudflare/revocation.ts");
                const { hostname } = new URL((await session.api()).origin);
                const fingerprints = changed.certificates.map(({ fingerprint }) => fingerprint);
                const place = { zone, hostname };
                const revoked = await revokeEverywhere(client, fingerprints, place, "the device is revoked");
                return {
                  object: { device: changed, cloudflare: revoked.map(({ line, ...facts }) => facts) },
                  lines: revoked.map(({ line }) => line),
                };
              },
            }),
      });
    });
};

/** The answer that wipes is for a certificate that Cloudflare still verifies, and does not call revoked. */
export function requireWipe(device: Device, label: string): void {
  if (device.status !== "lost" || device.wipe !== null) return;
  throw failed(
    `${label} is lost, and was not told to delete its vault yet: without its certificate it never can be`,
    `wait until ${LATCHKEY} show ${referenceTo(device)} tells that the wipe answer was delivered, or add --force`,
  );
}
