// Trying on the owner's zone what Latchkey assumes about Cloudflare, and writing a report.
import { existsSync } from "node:fs";
import { isHostname } from "../../../src/domain/request/hostname.ts";
import { readAuthorities } from "../../client/connection.ts";
import type { CloudflareClient } from "../../cloudflare/client/client.ts";
import type { Zone } from "../../cloudflare/client/zone.ts";
import type { Finding, SceneOptions } from "../../cloudflare/prove/probe.ts";
import type { Result } from "../../cloudflare/prove/probes/run.ts";
import type { Report } from "../../cloudflare/prove/report.ts";
import type { Names } from "../../cloudflare/prove/things.ts";
import type { Undoing } from "../../cloudflare/prove/undo.ts";
import { PUBLIC_MODE, writeNew } from "../../files.ts";
import { VERSION } from "../../package.ts";
import { errorCode, failed, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { plural, printable } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import { requireShownPlan, type Session } from "../command/session.ts";
import { parseConnectTo } from "./doctor.ts";

/** How long to wait for one answer on the throw-away host. */
const TIMEOUT_MS = 30_000;

interface ProveOptions {
  zone?: string;
  host?: string;
  out?: string;
  dryRun?: boolean;
  clean?: boolean;
  uploads: boolean;
  exhaustQuota?: string;
  connectTo?: string;
}

export const addProve: AddCommand = (program) => {
  program
    .command("prove")
    .summary("try out on your zone what Latchkey assumes about Cloudflare; write a report")
    .description(
      "Make a throw-away host with a Worker of its own, test on it what Latchkey assumes about Cloudflare, remove everything again, and write what was seen: a JSON file without names, addresses, ids or secrets. Your apps, routes and devices are not touched.",
    )
    .option("--zone <zone>", "the zone to try it in (default: the only one that the API token sees)")
    .option("--host <host>", "the throw-away host (default: a random name in the zone)")
    .option("--out <file>", "where the report goes (default: latchkey-prove-DATE.json, here)")
    .option("--dry-run", "show what would be made and tried, and change nothing")
    .option("--clean", "only remove what an earlier run left")
    .option("--no-uploads", "skip the two uploads, 200 MB in total")
    .option(
      "--exhaust-quota <zone>",
      "also use up the day's Worker requests: every Worker of the account stops until 00:00 UTC",
    )
    .option("--connect-to <host:port>", "send https there, as curl's --connect-to")
    .notes(`
Needs CLOUDFLARE_API_TOKEN with the permissions of setup, see
docs/cloudflare.md. It takes about ten minutes, a few hundred of the day's
Worker requests, and a client certificate, which is revoked at the end.
Ctrl-C undoes everything, too. With --json the report is printed instead.

Exit codes:
  0  everything was tried and undone, whatever was seen
  1  a probe failed, it was interrupted, or something could not be undone
     (and is then named)

Examples:
  latchkey prove --dry-run
  latchkey prove --zone example.com
  latchkey prove --zone example.com --no-uploads --out report.json`)
    .run(prove);
};

async function prove(session: Session, options: ProveOptions): Promise<void> {
  requireShownPlan(session.options, options.dryRun);
  const { output } = session;
  const out = options.out ?? (output.json ? undefined : `latchkey-prove-${today(session)}.json`);
  if (out !== undefined && options.dryRun !== true && existsSync(out)) {
    throw misuse(
      `${printable(out)} exists already, and is never overwritten`,
      "name another file with --out",
    );
  }
  if (options.host !== undefined && !isHostname(options.host)) {
    throw misuse(`'${printable(options.host)}' is not a hostname`, "give, for example, prove.example.com");
  }
  const connectTo = parseConnectTo(options.connectTo);
  const ca = await readAuthorities(session.options.ca);

  const client = await session.cloudflare();
  const zone = await chooseZone(client, options);
  const { newNames } = await import("../../cloudflare/prove/things.ts");
  const { findLeftovers } = await import("../../cloudflare/prove/leftovers.ts");
  const names = newNames(zone, options.host);
  const scene: SceneOptions = {
    connectTo,
    ca,
    timeoutMs: TIMEOUT_MS,
    uploads: options.uploads,
    exhaustQuota: options.exhaustQuota !== undefined,
  };
  await checkHost(client, zone, options.host);
  const leftovers = await findLeftovers(client, zone);
  if (options.dryRun === true) {
    await showPlan(session, zone, names, scene, leftovers, true);
    output.lines("", "dry run: nothing was changed");
    return;
  }
  await clean(session, leftovers);
  if (options.clean === true) {
    output.object({ removed: leftovers.map(({ what }) => what) });
    output.lines(leftovers.length === 0 ? "an earlier run left nothing" : "removed");
    return;
  }
  await showPlan(session, zone, names, scene, [], false);
  await session.confirm(`Try it in ${zone.name}?`);
  const run = await import("../../cloudflare/prove/probes/run.ts");
  const result = await run.prove(client, zone, names, scene, {
    progress,
    found: ({ title }, finding, why) => output.lines(...foundLines(session, title, finding, why)),
  });
  await hand(session, result, out);
}

/** Refuses what `--zone`, `--host` and `--exhaust-quota` cannot mean together. */
async function chooseZone(client: CloudflareClient, options: ProveOptions): Promise<Zone> {
  const { findZone, listZones, zoneOfHost } = await import("../../cloudflare/client/zone.ts");
  const zone = await (async () => {
    if (options.zone !== undefined) return findZone(client, options.zone);
    if (options.host !== undefined) return zoneOfHost(client, options.host);
    const zones = await listZones(client);
    const [only] = zones;
    if (only !== undefined && zones.length === 1) return only;
    throw failed(
      zones.length === 0 ? "the API token sees no zone" : `the API token sees ${zones.length} zones`,
      zones.length === 0
        ? "grant it Zone > Zone > Read, see docs/cloudflare.md"
        : "name the one to try it in: --zone example.com",
      zones.slice(0, 20).map(({ name }) => name),
    );
  })();
  if (options.exhaustQuota !== undefined && options.exhaustQuota !== zone.name) {
    throw misuse(
      `--exhaust-quota '${printable(options.exhaustQuota)}' is not the zone's name`,
      `it stops every Worker of the account until 00:00 UTC; if you want that: --exhaust-quota ${zone.name}`,
    );
  }
  return zone;
}

async function checkHost(client: CloudflareClient, zone: Zone, host: string | undefined): Promise<void> {
  if (host === undefined) return;
  const label = host.endsWith(`.${zone.name}`) ? host.slice(0, -zone.name.length - 1) : "";
  if (label === "" || label.includes(".")) {
    throw failed(
      `${host} is not directly below ${zone.name}`,
      `Cloudflare's certificate covers names like prove.${zone.name} only: give one of them`,
    );
  }
  const { usesOf } = await import("../../cloudflare/prove/leftovers.ts");
  const uses = await usesOf(client, zone, host);
  if (uses.length === 0) return;
  throw failed(
    `${host} is in use already`,
    "name an unused host, or leave out --host; to remove what an earlier run left, use --clean without --host",
    uses,
  );
}

async function clean(session: Session, leftovers: readonly Undoing[]): Promise<void> {
  const { output } = session;
  if (leftovers.length === 0) return;
  output.lines("An earlier run left:", ...leftovers.map(({ what }) => `  ${printable(what)}`), "");
  await session.confirm("Remove it?");
  const { UndoStack } = await import("../../cloudflare/prove/undo.ts");
  const stack = new UndoStack();
  for (const leftover of leftovers.toReversed()) stack.push(leftover);
  const remaining = await stack.undoAll(progress);
  if (remaining.length > 0) {
    throw failed("not everything that an earlier run left could be removed", "remove it by hand", remaining);
  }
}

async function showPlan(
  { output }: Session,
  zone: Zone,
  { host, worker }: Names,
  { uploads, exhaustQuota }: SceneOptions,
  leftovers: readonly Undoing[],
  isDryRun: boolean,
): Promise<void> {
  const { PROBES } = await import("../../cloudflare/prove/probes/all.ts");
  const probes = PROBES.filter(
    ({ id }) => (uploads || !id.startsWith("upload-")) && (exhaustQuota || id !== "quota"),
  );
  const makes = [
    `the Worker ${worker} in the account ${zone.account.name}`,
    `the route ${host}/*, to that Worker, failing closed`,
    `${host} among the hosts of ${zone.name} that ask for a certificate`,
    `the DNS record ${host}, AAAA 100::, proxied`,
    "a client certificate for one day, revoked at the end",
  ];
  // Otherwise the report is the only object.
  if (isDryRun)
    output.object({ zone: zone.name, makes, tries: probes.map(({ id, title }) => ({ id, title })) });
  if (leftovers.length > 0) {
    const found = leftovers.map(({ what }) => what);
    output.lines("An earlier run left this; it would be removed first:", ...indent(found), "");
  }
  output.lines("It makes, for about ten minutes:", ...indent(makes), "");
  output.lines("and tries:", ...indent(probes.map(({ title }) => title)), "");
  if (exhaustQuota) {
    output.lines(
      output.style(
        "red",
        "It uses up the day's Worker requests: every Worker of the account, Latchkey too, stops until 00:00 UTC.",
      ),
    );
  }
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${printable(line)}`);
}

const STYLES = {
  seen: "green",
  differs: "yellow",
  "not-seen": "yellow",
  skipped: "cyan",
  failed: "red",
} as const;

function foundLines({ output }: Session, title: string, finding: Finding, why: string | undefined): string[] {
  const { outcome, reason } = finding;
  const mark = output.style(STYLES[outcome], outcome.padEnd(8));
  const more = why ?? reason;
  return [`${mark}  ${title}`, ...(more === undefined ? [] : [`          ${printable(more)}`])];
}

/** Prints or writes the report, of a run that ended early as well, and says what remains. */
async function hand(session: Session, result: Result, out: string | undefined): Promise<void> {
  const { output } = session;
  const report = await reportOf(session, result);
  output.object(report);
  if (out !== undefined) {
    await writeNew(out, `${JSON.stringify(report, null, 2)}\n`, PUBLIC_MODE).catch((error: unknown) => {
      throw failed(
        `the report could not be written to ${printable(out)} (${errorCode(error) ?? "unknown"})`,
        "run it again with another --out",
        result.remaining,
      );
    });
    output.lines("", `report: ${printable(out)}`);
    output.lines(
      "It holds no names, addresses, ids or secrets: read it, and send it to us (docs/cloudflare.md).",
    );
  }
  if (result.remaining.length > 0) {
    throw failed(
      `${plural(result.remaining.length, "thing")} could not be undone`,
      "run latchkey prove --clean in a minute, or remove it by hand",
      result.remaining,
    );
  }
  const failures = result.probes.filter(({ outcome }) => outcome === "failed").length;
  if (failures > 0) {
    throw failed(
      `${plural(failures, "probe")} could not be tried; everything was undone`,
      "see the reasons above; the report is still worth sending",
    );
  }
  if (result.interrupted)
    throw failed("interrupted; everything was undone", "run it again when you are ready");
}

async function reportOf(session: Session, result: Result): Promise<Report> {
  const { withoutSecrets } = await import("../../cloudflare/prove/report.ts");
  const { environment } = session;
  return withoutSecrets(
    {
      latchkeyProve: 1,
      date: today(session),
      versions: {
        latchkey: VERSION,
        node: process.versions.node,
        openssl: process.versions.openssl ?? "",
        system: process.platform,
      },
      api: environment.LATCHKEY_CLOUDFLARE_API ? "other" : "cloudflare",
      dataCentres: result.dataCentres,
      complete: !result.interrupted,
      undone: result.remaining.length === 0,
      probes: result.probes,
    },
    [...result.secrets, environment.CLOUDFLARE_API_TOKEN ?? ""],
  );
}

function today(session: Session): string {
  return new Date(session.now()).toISOString().slice(0, 10);
}
