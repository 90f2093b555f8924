// Switches of the zone that make Cloudflare answer before the gate runs.
import { failed } from "../../../terminal/failure.ts";
import { BOTS, SETTINGS } from "../../client/answers.ts";
import { CloudflareFailure } from "../../client/failure.ts";
import { failedCheck, listed, passed, unread, warned, type ZoneSource, zoneCheck } from "../check.ts";

/** Settings of super bot fight mode, which paid plans have. */
const SUPER_FIGHT_MODE = [
  "sbfm_definitely_automated",
  "sbfm_likely_automated",
  "sbfm_verified_bots",
] as const;

export async function readBots({ client, zone }: ZoneSource) {
  const settings = await client.ask(
    { permission: "bots", what: "read the bot settings" },
    (sdk) => sdk.botManagement.get({ zone_id: zone.id }),
    BOTS,
  );
  /** Those that block or challenge. */
  const superFightMode: readonly string[] = SUPER_FIGHT_MODE.filter(
    (name) => settings[name] === "block" || settings[name] === "managed_challenge",
  );
  return { fightMode: settings.fight_mode === true, superFightMode };
}

export const bots = zoneCheck({
  id: "bots",
  permission: "bots",
  setupShows: true,
  read: readBots,
  judge({ fightMode, superFightMode }) {
    if (fightMode) {
      return failedCheck(
        "Bot Fight Mode is on: it answers apps on phones with 403, and no rule can except a host",
        "switch it off under Security > Settings > Bot traffic",
      );
    }
    return superFightMode.length > 0
      ? failedCheck(
          `Super Bot Fight Mode answers first (${listed(superFightMode)})`,
          "set it to allow, or skip it for the hosts, under Security > Settings > Bot traffic",
        )
      : passed("no bot setting answers on the hosts");
  },
});

async function readSetting({ client, zone }: ZoneSource, name: keyof typeof SETTINGS): Promise<string> {
  const { value } = await client.ask(
    { permission: "settings", what: `read the zone's setting ${name}` },
    // The SDK's list of names is not complete: `grpc` is not in it.
    (sdk) => sdk.zones.settings.get(name as "waf", { zone_id: zone.id }),
    SETTINGS[name],
  );
  return value;
}

export const readSecurityLevel = (source: ZoneSource) => readSetting(source, "security_level");

export const securityLevel = zoneCheck({
  id: "security-level",
  permission: "settings",
  setupShows: true,
  read: readSecurityLevel,
  judge: (level) =>
    level === "under_attack"
      ? failedCheck(
          "I'm Under Attack mode is on: every app is answered with a challenge",
          "switch it off under Security > Settings, or except the hosts with a configuration rule",
        )
      : passed(`the security level is ${level}`),
});

export const readBrowserCheck = (source: ZoneSource) => readSetting(source, "browser_check");

export const browserCheck = zoneCheck({
  id: "browser-check",
  permission: "settings",
  setupShows: true,
  read: readBrowserCheck,
  judge: (value) =>
    value === "on"
      ? warned(
          "the Browser Integrity Check is on: it answers 403 to programs with an odd User-Agent",
          "switch it off for the hosts with a configuration rule, under Rules > Configuration Rules",
        )
      : passed("the Browser Integrity Check is off"),
});

/** The setting is in no published schema: a zone may not have it under this name. */
export async function readGrpc(source: ZoneSource): Promise<string> {
  try {
    return await readSetting(source, "grpc");
  } catch (error) {
    if (!(error instanceof CloudflareFailure && error.problem.kind === "refused")) throw error;
    throw failed(
      "the zone does not say whether gRPC is on",
      "look under Network in the zone's dashboard, and switch it off unless an app needs it",
    );
  }
}

/**
 * Off: Cloudflare itself answers `Content-Type: application/grpc` with 403. On: Access ignores such
 * requests. developers.cloudflare.com/network/grpc-connections/
 */
export const grpc = zoneCheck({
  id: "grpc",
  permission: "settings",
  read: readGrpc,
  judge(value) {
    if (value === "off") return passed("gRPC is off: such requests get no further than Cloudflare");
    const remedy = "switch it off under Network in the zone's dashboard, unless an app needs it";
    return value === "on"
      ? warned(
          "gRPC is on: whether such requests always reach the Worker is not documented, and Access ignores them",
          remedy,
        )
      : unread(`the zone does not say whether gRPC is on: it says '${value}'`, remedy);
  },
});
