// Putting the gate in front of the apps of a zone, step by step.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { ProfileSetting } from "../../../src/contract/app-settings.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import type { LocalSettings } from "../../cloudflare/client/wrangler-toml.ts";
import type { Zone } from "../../cloudflare/client/zone.ts";
import type { ChosenApps } from "../../cloudflare/setup/apps.ts";
import type { SignInOptions } from "../../cloudflare/setup/sign-in-wish.ts";
import type { Plan } from "../../cloudflare/setup/step.ts";
import { WRANGLER_TOML } from "../../package.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { type Output, progress } from "../../terminal/output.ts";
import { plural, printable } from "../../terminal/text.ts";
import { issue } from "../certificates/issue.ts";
import { deviceNameArgument, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { openSession, requireShownPlan, type Session } from "../command/session.ts";
import { examine, isFailure, showChecks } from "./doctor.ts";
import { readSettings } from "./wrangler-config.ts";

interface SetupOptions extends SignInOptions {
  zone?: string;
  app?: string[];
  /** `false`: --no-admin-host. */
  adminHost?: string | false;
  dryRun?: boolean;
  config?: string;
  device?: string;
  outside: boolean;
}

export const addSetup: AddCommand = (program) => {
  program
    .command("setup")
    .summary("put the gate in front of your apps, step by step; may be repeated")
    .description(
      "Look at the zone, show what is there and what will be changed, ask, do it, and end with the doctor. Each step may be repeated: what is right already stays. If a run ends early, the next one completes it.",
    )
    .option("--zone <zone>", "the zone of the apps (default: the zones of their hosts)")
    .option("--app <host=app>", "a host and its app by name, or its profile; may be repeated", collect)
    .option("--admin-host <host>", "the admin host (default: latchkey.ZONE, unless wrangler.toml names one)")
    .option("--no-admin-host", "no pages: only the command line and the API")
    .option("--sign-in <provider>", "let browsers sign in: 'access' (Cloudflare's), or an issuer's address")
    .option("--sign-in-client <id>", "the client's id at that issuer")
    .option("--sign-in-app <host>", "an app to which people may sign in; may be repeated", collect)
    .option("--owner <user=address>", "who becomes this user, as an owner; may be repeated", collect)
    .option("--person <address>", "someone else whom Access lets in; may be repeated", collect)
    .option("--device <user/name>", "issue and enrol a first device at the end")
    .option("--dry-run", "show the plan, have wrangler check it, and change nothing")
    .option("--config <file>", "another wrangler.toml")
    .option("--no-outside", "end without requests from outside")
    .notes(`
Needs CLOUDFLARE_API_TOKEN, see docs/cloudflare.md. The gate's token is kept in
--token-file or LATCHKEY_TOKEN_FILE, else in ~/.latchkey-token: it is made if
there is none, and never shown. The secret of a client at another provider is
taken from SIGN_IN_SECRET (docs/sign-in.md).

Examples:
  latchkey setup
  latchkey setup --app photos.example.com=immich --dry-run
  latchkey setup --app photos.example.com=immich --admin-host keys.example.com
  latchkey setup --app photos.example.com=immich --device alice/pixel-9 --yes
  latchkey setup --sign-in access --sign-in-app photos.example.com \\
    --owner alice=alice@example.com`)
    .run(async (session, options: SetupOptions) => {
      const { environment, options: globals, prompt } = session;
      requireShownPlan(globals, options.dryRun);
      const tokenFile =
        globals.tokenFile ?? (environment.LATCHKEY_TOKEN_FILE || join(homedir(), ".latchkey-token"));
      const device = options.device === undefined ? undefined : parseDevice(options.device);
      await checkOptions(options);
      if (!environment.LATCHKEY_CLOUDFLARE_API) refuseEdgeToken(tokenFile);
      // A dry run that names its apps is complete as it stands. Any other asks what the real run would.
      const isComplete = options.dryRun === true && (options.app !== undefined || globals.json === true);
      const asks = prompt.interactive && globals.yes !== true && !isComplete;
      if (!(await setUp(session, options, tokenFile, asks))) return;
      // The token may exist only now, too late for this session. It takes precedence over LATCHKEY_TOKEN.
      const after = openSession({ ...globals, ...(existsSync(tokenFile) ? { tokenFile } : {}) });
      const { zone, outside, config = WRANGLER_TOML } = options;
      await firstDevice(after, device, asks, config);
      const checks = await examine(after, { ...(zone === undefined ? {} : { zone }), outside, config });
      showChecks(after.output, checks);
      if (isFailure(checks)) process.exitCode = 1;
    });
};

/** Mistakes on the command line are reported before anything is read or asked. */
async function checkOptions(options: SetupOptions): Promise<void> {
  const { app, adminHost } = options;
  const { checkSignInOptions } = await import("../../cloudflare/setup/sign-in-wish.ts");
  checkSignInOptions(options);
  const { parseApp } = await import("../../cloudflare/setup/apps.ts");
  const { parseAdminHost } = await import("../../cloudflare/setup/dialogue.ts");
  const profiles = new Map<string, ProfileSetting>();
  for (const [host, profile] of (app ?? []).map(parseApp)) {
    const other = profiles.get(host);
    if (other !== undefined && other !== profile) {
      throw misuse(`--app names ${host} twice, as ${other} and as ${profile}`, "leave one of the two out");
    }
    profiles.set(host, profile);
  }
  if (typeof adminHost === "string") parseAdminHost(adminHost);
}

/** A shell that has tried out the local edge still names its token, which its documentation shows to everybody. */
function refuseEdgeToken(tokenFile: string): void {
  if (!existsSync(join(dirname(tokenFile), "ca.key"))) return;
  throw misuse(
    `${printable(tokenFile)} is the token of a local edge`,
    "unset LATCHKEY_TOKEN_FILE, or name another file with --token-file",
  );
}

function collect(word: string, words: string[] = []): string[] {
  return [...words, word];
}

/** Plans, shows, asks and does. `false` after a dry run, which changed nothing. */
async function setUp(
  session: Session,
  options: SetupOptions,
  tokenFile: string,
  asks: boolean,
): Promise<boolean> {
  const { output } = session;
  const config = options.config ?? WRANGLER_TOML;
  const client = await session.cloudflare();
  const { makePlan } = await import("../../cloudflare/setup/plan.ts");
  const { dryRun, wrangler } = await import("../../cloudflare/setup/deployment.ts");
  const { carryOut, isDone } = await import("../../cloudflare/setup/run.ts");

  const local = await readSettings(config);
  const { zones, ...chosen } = await whichApps(session, options, local, asks);
  const hosts = [...new Set([...local.hosts.map(({ host }) => host), ...chosen.apps.keys()])];
  const adminHost = await whichAdminHost(session, options, local, hosts, zones, asks);
  const { longestSuffix } = await import("../../cloudflare/client/zone.ts");
  const { whichSignIn } = await import("../../cloudflare/setup/sign-in-wish.ts");
  const secret = session.environment.SIGN_IN_SECRET?.trim() || undefined;
  // Without an admin host, there is no door.
  const asksForSignIn = asks && adminHost !== null && adminHost !== undefined;
  const wanted = {
    ...chosen,
    adminHost,
    signIn: await whichSignIn(options, local.signIn, hosts, secret, asksForSignIn),
    config,
    tokenFile,
    zoneOf(host: string) {
      const zone = longestSuffix(zones, host);
      if (zone !== undefined || options.zone !== undefined) return zone;
      throw failed(
        `no zone of the API token holds the host ${host}`,
        "correct the host in wrangler.toml, let the token see its zone, or name one zone with --zone",
      );
    },
  };
  const plan = await makePlan({ client, deployer: wrangler }, wanted);
  showPlan(output, plan);
  if (options.dryRun === true) {
    output.object({
      steps: plan.steps.map(({ id, found, change }) => ({ id, found, change })),
      byHand: plan.byHand,
    });
    await dryRun(wrangler, config, plan.text);
    output.lines("", "dry run: nothing was changed, and wrangler accepts the new wrangler.toml");
    return false;
  }
  if (isDone(plan)) {
    output.lines("", "everything is set up already");
    return true;
  }
  await session.confirm("Go ahead?");
  // What wrangler deploys goes to Cloudflare, wherever the other calls go.
  if (session.environment.LATCHKEY_CLOUDFLARE_API) {
    throw misuse(
      "setup can only be tried with --dry-run while LATCHKEY_CLOUDFLARE_API names a stand-in",
      "for your own zone, unset LATCHKEY_CLOUDFLARE_API and set CLOUDFLARE_API_TOKEN to a token of Cloudflare's",
    );
  }
  await carryOut(plan, { before: ({ id, change }) => progress(`${id}: ${change}`) });
  output.lines("", "set up; the doctor finds:", "");
  return true;
}

/** From the command line, else from the person there, else from `wrangler.toml`. */
async function whichApps(
  session: Session,
  options: SetupOptions,
  { hosts }: LocalSettings,
  asks: boolean,
): Promise<{ zones: readonly Zone[]; apps: ChosenApps["apps"]; openings?: ChosenApps["openings"] }> {
  const client = await session.cloudflare();
  const { findZone, listZones } = await import("../../cloudflare/client/zone.ts");
  const { askForApps, parseApp } = await import("../../cloudflare/setup/apps.ts");
  const { askForZone } = await import("../../cloudflare/setup/dialogue.ts");
  const given = new Map((options.app ?? []).map(parseApp));
  let zones = options.zone === undefined ? await listZones(client) : [await findZone(client, options.zone)];
  if (given.size > 0 || !asks) {
    if (given.size === 0 && hosts.length === 0) {
      throw misuse("there is no app to set up", "name one: --app vault.example.com=vaultwarden");
    }
    const [zone] = zones;
    for (const host of given.keys()) {
      if (options.zone !== undefined && host !== zone?.name && !host.endsWith(`.${zone?.name}`)) {
        throw misuse(`${host} is not in the zone ${zone?.name}`, "name its own zone with --zone");
      }
    }
    return { zones, apps: given };
  }
  if (zones.length > 1) {
    const name = await askForZone(zones.map((zone) => zone.name));
    zones = zones.filter((zone) => zone.name === name);
  }
  const [zone] = zones;
  if (zone === undefined) {
    throw failed("the API token sees no zone", "grant it Zone > Zone > Read, see docs/cloudflare.md");
  }
  return { zones, ...(await askForApps(zone.name, hosts)) };
}

/** `null`: no pages. The host in `wrangler.toml` is kept unless another is named: people know its address. */
async function whichAdminHost(
  session: Session,
  { adminHost: given }: SetupOptions,
  { adminHost: known }: LocalSettings,
  hosts: readonly string[],
  zones: readonly Zone[],
  asks: boolean,
): Promise<string | null | undefined> {
  const { askForAdminHost, parseAdminHost, proposedAdminHost } = await import(
    "../../cloudflare/setup/dialogue.ts"
  );
  if (typeof given === "string") return parseAdminHost(given);
  if (given === false) {
    if (known === undefined) return null;
    throw misuse(
      `wrangler.toml names ADMIN_HOST ${printable(known)}`,
      "remove that line, or leave out --no-admin-host",
    );
  }
  if (known !== undefined) return known;
  const { longestSuffix } = await import("../../cloudflare/client/zone.ts");
  const zone = longestSuffix(zones, hosts[0] ?? "");
  if (zone === undefined) return undefined;
  if (asks) return (await askForAdminHost(zone.name, hosts)) ?? null;
  const proposed = proposedAdminHost(zone.name);
  await requireFree(session, zone, proposed);
  return proposed;
}

/** A host that nobody named or agreed to must not replace a name of the owner's. */
async function requireFree(session: Session, zone: Zone, host: string): Promise<void> {
  const { isTaken, readRecords } = await import("../../cloudflare/setup/dns.ts");
  const records = await readRecords({ client: await session.cloudflare(), zone, host });
  if (!records.known || !isTaken(records.value)) return;
  throw failed(
    `${host} has a DNS record of something else, which the pages would cut off`,
    `name their host, such as --admin-host keys.${zone.name}, or ${host} if you want that one; or add --no-admin-host`,
  );
}

/** Every step with what is there and what will be changed, then what is left to people. */
export function showPlan(output: Output, { steps, byHand }: Pick<Plan, "steps" | "byHand">): void {
  for (const { id, found, change } of steps) {
    output.lines(`${output.style("bold", id)}: ${printable(found)}`);
    if (change !== null) output.lines(`  ${output.style("yellow", "->")} ${printable(change)}`);
  }
  if (byHand.length === 0) return;
  output.lines(
    "",
    `${plural(byHand.length, "thing")} for you to look at; latchkey leaves ${byHand.length === 1 ? "it" : "them"} alone:`,
  );
  for (const { reason, remedy } of byHand)
    output.lines(`  ${printable(reason)}`, `    -> ${printable(remedy)}`);
}

interface DeviceName {
  user: UserId;
  name: string;
}

function parseDevice(text: string): DeviceName {
  const [user, name, ...more] = text.split("/");
  if (user === undefined || name === undefined || more.length > 0) {
    throw misuse(`--device '${printable(text)}' is not USER/NAME`, "give, for example, alice/pixel-9");
  }
  return { user: userArgument(user), name: deviceNameArgument(name) };
}

/** Issues a certificate for the device that was named; if none was, and no device is enrolled at all, offers one. */
async function firstDevice(
  session: Session,
  named: DeviceName | undefined,
  asks: boolean,
  config: string,
): Promise<void> {
  if (named === undefined && !asks) return;
  const { adminHost, hosts } = await readSettings(config);
  const api = await session.connect(`https://${adminHost ?? hosts[0]?.host}`);
  let device = named;
  if (device === undefined) {
    if ((await ofAllUsers(api, api.devices)).length > 0) return;
    const { askForDevice } = await import("../../cloudflare/setup/dialogue.ts");
    const answer = await askForDevice();
    if (answer === undefined) return;
    device = parseDevice(answer);
  }
  const { user, name } = device;
  await api.putUser(user);
  if ((await api.devices(user)).some((each) => each.name === name && each.status !== "revoked")) {
    progress(`${user}/${name} exists already`);
    return;
  }
  await issue(session, user, name, {});
}
