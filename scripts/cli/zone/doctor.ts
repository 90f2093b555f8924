// Checking the zone, the Worker, the registry, and the way in from outside.
import { readAuthorities } from "../../client/connection.ts";
import type { CheckStatus, Finding } from "../../cloudflare/doctor/check.ts";
import { readSmallFile } from "../../files.ts";
import { WRANGLER_TOML } from "../../package.ts";
import { misuse } from "../../terminal/failure.ts";
import { type Output, progress } from "../../terminal/output.ts";
import { plural, printable } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import type { Session } from "../command/session.ts";
import { readSettings } from "./wrangler-config.ts";

/** How long to wait for one answer, from Cloudflare or from a host. */
const TIMEOUT_MS = 30_000;

export interface DoctorOptions {
  zone?: string;
  config?: string;
  cert?: string;
  key?: string;
  issueProbe?: boolean;
  connectTo?: string;
  strict?: boolean;
  outside: boolean;
}

export const addDoctor: AddCommand = (program) => {
  program
    .command("doctor")
    .summary("check that nothing bypasses the gate or blocks your devices")
    .description(
      "Check the zone, the Worker, the registry, and real requests from outside. Nothing is changed, except with --issue-probe. Anything that could not be read is unknown, which is never a pass.",
    )
    .option("--cert <file>", "the certificate (PEM) of an active device, to try it from outside")
    .option("--key <file>", "and its private key (PEM)")
    .option("--issue-probe", "issue, enrol, try and revoke a certificate of the doctor's own")
    .option("--connect-to <host:port>", "send https from outside there, as curl's --connect-to")
    .option("--no-outside", "ask only Cloudflare and the registry")
    .option("--zone <zone>", "only the apps of this zone")
    .option("--config <file>", "another wrangler.toml")
    .option("--strict", "exit with 1 if anything is unknown, too")
    .notes(`
Needs CLOUDFLARE_API_TOKEN, and for the registry a login, LATCHKEY_TOKEN or
LATCHKEY_TOKEN_FILE. The API is called at --url or LATCHKEY_URL, else on the
admin host or, if there is none, on the first app's.

Exit code 1: a check failed, or the gate's API did not answer, so that nobody
knows who may pass. Other unknown checks are counted in the last line, and are
not a failure: without --cert, for example, nothing can be tried with a
certificate. For scripts, --strict makes every unknown check a failure.

Examples:
  latchkey doctor
  latchkey doctor --cert pixel-9.pem --key pixel-9.key
  latchkey doctor --json | jq '.checks[] | select(.status == "failed")'`)
    .run(async (session, options: DoctorOptions) => {
      const checks = await examine(session, options);
      showChecks(session.output, checks);
      if (isFailure(checks, options.strict)) process.exitCode = 1;
    });
};

/** All checks. `doctor` prints them, and so does `setup` at its end. */
export async function examine(session: Session, options: DoctorOptions): Promise<Finding[]> {
  const { findings, readState } = await import("../../cloudflare/doctor/checks/doctor.ts");
  const client = await session.cloudflare();
  const path = options.config ?? WRANGLER_TOML;
  const local = await readSettings(path);
  const [first] = local.hosts;
  if (first === undefined) {
    throw misuse(
      `${printable(path)} names no app that Cloudflare could reach`,
      'run latchkey setup, or add [vars.APPS."vault.example.com"]',
    );
  }
  const connectTo = parseConnectTo(options.connectTo);
  const credential = await readCredential(options);
  const api = () => session.connect(`https://${local.adminHost ?? first.host}`);
  const state = await readState({ client, local, zone: options.zone, api, now: session.now() });
  const inside = findings(state);
  if (options.outside === false) return inside;
  const { examineOutside } = await import("../../cloudflare/doctor/outside/outside.ts");
  const ca = await readAuthorities(session.options.ca);
  const look = (by: typeof credential) =>
    examineOutside(state, { connectTo, ca, timeoutMs: TIMEOUT_MS, credential: by });
  const [zone] = state.zones;
  if (options.issueProbe !== true || zone === undefined) return [...inside, ...(await look(credential))];
  const [{ withProbe }, { findZone }] = await Promise.all([
    import("../../cloudflare/doctor/outside/probe.ts"),
    import("../../cloudflare/client/zone.ts"),
  ]);
  // One authority signs for all zones of the account.
  const home = await findZone(client, zone.id);
  return [...inside, ...(await withProbe(client, home, await api(), progress, look))];
}

async function readCredential({ cert, key }: DoctorOptions) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw misuse("a certificate needs its key, and a key its certificate", "give both --cert and --key");
  }
  const read = async (path: string, what: string) => (await readSmallFile(path, what)).toString("latin1");
  return { certificate: await read(cert, "a certificate"), key: await read(key, "a private key") };
}

/** `HOST:PORT`, where https goes, whatever the names resolve to. */
export function parseConnectTo(text: string | undefined): { hostname: string; port: number } | undefined {
  if (text === undefined) return undefined;
  const [, hostname = "", port = ""] = /^\[?([\w.:-]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (hostname !== "" && Number(port) > 0 && Number(port) < 65_536) return { hostname, port: Number(port) };
  throw misuse(`--connect-to '${printable(text)}' is not HOST:PORT`, "give, for example, 127.0.0.1:8443");
}

/**
 * Whether the checks count as a failure. Some are unknown on every healthy zone, so unknown ones count only if `strict`;
 * but if the gate's own API does not answer, nothing is healthy.
 */
export function isFailure(checks: readonly Finding[], strict = false): boolean {
  return checks.some(
    ({ id, status }) => status === "failed" || (status === "unknown" && (strict || id === "api")),
  );
}

const ORDER: readonly CheckStatus[] = ["ok", "unknown", "warning", "failed"];
const STYLES = { ok: "green", unknown: "cyan", warning: "yellow", failed: "red" } as const;

/** Passed checks come first, the worst last, at the bottom of the terminal, with what to do about them. */
export function showChecks(output: Output, checks: readonly Finding[]): void {
  const count = (wanted: CheckStatus) => checks.filter(({ status }) => status === wanted).length;
  const [failures, unknown] = [count("failed"), count("unknown")];
  output.object({ ok: !isFailure(checks), failed: failures, unknown, checks });
  const sorted = ORDER.flatMap((wanted) => checks.filter(({ status }) => status === wanted));
  for (const { id, status, reason, remedy } of sorted) {
    const mark = output.style(STYLES[status], status.padEnd(7));
    output.lines(`${mark}  ${id}: ${printable(reason)}`);
    if (remedy !== null) output.lines(`         -> ${printable(remedy)}`);
  }
  output.lines(
    "",
    `${plural(failures, "check")} failed, ${plural(count("warning"), "warning")}, ${unknown} unknown, ${count("ok")} passed`,
  );
}
