// Revoking a device: in the registry, at Cloudflare too if asked, and there only if the registry does not answer.
import type { Device } from "../../../src/contract/answers.ts";
import { isOutOfOrder } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { Failure, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { plural, printable, shellWord } from "../../terminal/text.ts";
import { fingerprintArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import type { Session } from "../command/session.ts";
import {
  type AtCloudflare,
  atCloudflareIn,
  deviceTarget,
  givenTarget,
  requireKnownAtCloudflare,
  requireWipe,
  revokeAt,
  type Target,
  type TargetOptions,
  targetAtCloudflare,
  targetInFile,
  targetOptions,
} from "../command/target.ts";
import { changeStatus, EVERYWHERE, type ReasonOptions, reasonOption } from "./status.ts";

interface RevokeOptions extends TargetOptions, ReasonOptions {
  atCloudflare?: boolean;
  zone?: string;
  force?: boolean;
  fingerprint?: string;
}

/** These have a meaning only with `--at-cloudflare`. */
const CLOUDFLARE_OPTIONS = ["zone", "fingerprint", "certificate", "backup"] as const;

export const addRevoke: AddCommand = (program) => {
  program
    .command("revoke")
    .summary("refuse a device for good")
    .description(
      "Refuse a device for good. Other devices aren't affected. What it shows can never be used again.",
    )
    .device()
    .with(reasonOption)
    .option("--at-cloudflare", "then revoke the certificate at Cloudflare too, which frees its slot")
    .option("--zone <name>", "with --at-cloudflare: the zone to look in first (default: that of --url)")
    .option("--force", "even if the device is lost and has not received the wipe yet")
    .option("--fingerprint <hex>", "with --at-cloudflare, if the registry does not answer: the certificate")
    .with(targetOptions)
    .notes(`
If the device may turn up again, report it lost or suspend it instead.
A connection that is open already, such as a WebSocket, lasts until it closes.
--at-cloudflare needs CLOUDFLARE_API_TOKEN, and may be repeated, even for a
device that is revoked already.

If the registry does not answer or refuses to write, --at-cloudflare carries on
at Cloudflare, with the certificates that issue named after the device, unless
--fingerprint, --certificate or --backup names them. The exit code is then 3:
run it again once the registry answers. latchkey block is faster, and does not
need the registry either.

Examples:
  latchkey revoke alice/pixel-9
  latchkey revoke alice/pixel-9 --reason stolen --yes
  latchkey revoke alice/pixel-9 --at-cloudflare
  latchkey revoke alice/pixel-9 --at-cloudflare --backup latchkey.json`)
    .run(async (session, reference: string, options: RevokeOptions) => {
      const { atCloudflare = false, zone, force = false } = options;
      const idle = CLOUDFLARE_OPTIONS.find((name) => options[name] !== undefined);
      if (!atCloudflare && idle !== undefined) {
        throw misuse(`--${idle} means nothing without --at-cloudflare`, "add it, or leave both out");
      }
      // A missing token is reported before anything is done. Cloudflare itself is called later: a failure there must
      // not keep the registry from refusing the device.
      if (atCloudflare) await session.cloudflare();
      const at = atCloudflareIn(session, await session.connect(), zone);
      const word = shellWord(reference);
      let found: Device | undefined;
      let isAsked = false;
      try {
        await changeStatus(session, "revoke", reference, options, {
          question: (label) => {
            isAsked = true;
            return `Revoke ${label} for good${atCloudflare ? ", here and at Cloudflare" : ""}?`;
          },
          done: (label, { kind }) => [
            `${label} is revoked: it is refused ${EVERYWHERE}`,
            ...(kind === "browser" ? ["its person can sign in again; suspend keeps a browser out"] : []),
          ],
          check: async (device, label) => {
            found = device;
            if (atCloudflare) requireKnownAtCloudflare(device);
            if (!force) await requireWipe(session, { device, label });
          },
          ...(atCloudflare
            ? { afterwards: (changed: Device) => revokeToo(at, changed) }
            : { waysOut: [`revoke ${word} --at-cloudflare`, `block ${word}`] }),
        });
      } catch (error) {
        if (!atCloudflare || !isOutOfOrder(error)) throw error;
        await revokeOnlyThere(session, { error, at, found, isAsked, reference, options });
      }
    });
};

async function revokeToo(at: AtCloudflare, device: Device) {
  const fingerprints = device.credentials.map(({ fingerprint }) => fingerprint);
  const { cloudflare, lines } = await revokeAt(at, fingerprints, [
    "in the registry the device is revoked: it is refused, whatever Cloudflare says",
  ]);
  return { object: { device, cloudflare }, lines };
}

interface RegistryOut {
  /** What the registry answered, or that it did not answer. */
  error: Failure;
  at: AtCloudflare;
  /** The device, if it could be read and only the revocation failed. */
  found: Device | undefined;
  /** Consent was given before the registry failed. */
  isAsked: boolean;
  reference: string;
  options: RevokeOptions;
}

/** Without an answer from the registry: does what can be done without it, and says what is left. Always throws. */
async function revokeOnlyThere(session: Session, out: RegistryOut): Promise<never> {
  const { error, at, found, isAsked, reference, options } = out;
  progress(`${error.message}: carrying on at Cloudflare`);
  const target = await targetOf(session, out);
  if (options.force !== true) await requireWipe(session, target);
  if (!isAsked) {
    for (const line of target.found) progress(`  ${line}`);
    const what = `${target.label} (${plural(target.fingerprints.length, "certificate")})`;
    await session.confirm(`Revoke ${what} at Cloudflare for good, without the registry?`);
  }
  const block = `${LATCHKEY} block ${shellWord(reference)}`;
  const { cloudflare, lines } = await revokeAt(at, target.fingerprints, [
    `the registry was not changed, as far as is known: ${error.message}`,
    `to shut it out without either: ${block}`,
  ]);
  session.output.object({
    device: found ?? null,
    registry: { revoked: false, reason: error.message },
    cloudflare,
  });
  session.output.lines(...lines);
  throw new Failure(
    3,
    `${target.label} is revoked at Cloudflare, but not in the registry: ${error.message}`,
    {
      hint: "once the registry answers, run the same command again",
      list: [
        "as soon as Cloudflare reports it revoked, the gate refuses it everywhere: within about a minute",
        "the registry still has the device as it was, as far as is known",
        `to shut it out within seconds: ${block}`,
      ],
    },
  );
}

/** By what is closest to the registry: what it still said, then what the owner says, then the names at Cloudflare. */
async function targetOf(session: Session, { found, reference, options, at }: RegistryOut): Promise<Target> {
  if (found !== undefined) return deviceTarget(found, "the registry");
  const { fingerprint, certificate, backup } = options;
  const label = { label: printable(reference) };
  if (fingerprint !== undefined) {
    const target = await givenTarget(fingerprintArgument(fingerprint), undefined);
    if (target !== undefined) return { ...target, ...label };
  }
  if (certificate !== undefined) return { ...(await targetInFile(certificate, options, session)), ...label };
  return (await givenTarget(reference, backup)) ?? targetAtCloudflare(at, reference);
}
