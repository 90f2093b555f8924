import { PROFILE_NAMES, type ProfileName } from "../../../src/domain/request/app.ts";
import { isHostname } from "../../../src/domain/request/hostname.ts";
import { isLocalhostName } from "../../client/address.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import type { GatedHost } from "../client/wrangler-toml.ts";

// The questions that setup asks on a terminal about what the command line did not say.

const streams = { input: process.stdin, output: process.stderr };

const PROFILES: Record<Exclude<ProfileName, "custom">, string> = {
  bitwarden: "Vaultwarden, Bitwarden",
  sync: "Nextcloud, WebDAV, Home Assistant, Immich, ntfy: clients with local copies",
  web: "pages in a browser, and apps that keep nothing",
};

/** The answer to a question, unless Ctrl-C was. */
function given<T>(answer: T): Exclude<T, symbol> {
  if (typeof answer === "symbol") throw nothingDone();
  return answer as Exclude<T, symbol>;
}

export async function askForZone(names: readonly string[]): Promise<string> {
  const { select } = await import("@clack/prompts");
  const options = names.map((value) => ({ value, label: printable(value) }));
  return given(await select({ message: "Which zone?", options, ...streams }));
}

/** Hosts and how their clients take refusals. Those that `wrangler.toml` names already are proposed. */
export async function askForApps(
  zone: string,
  known: readonly GatedHost[],
): Promise<Map<string, ProfileName>> {
  const { select, text } = await import("@clack/prompts");
  const written = await text({
    message: "The apps' hostnames, separated by spaces",
    placeholder: `vault.${zone} photos.${zone}`,
    initialValue: known.map(({ host }) => host).join(" "),
    validate: (value) => hostsProblem(value ?? "", zone),
    ...streams,
  });
  const apps = new Map<string, ProfileName>();
  for (const host of hostsIn(given(written))) {
    const own = known.find((each) => each.host === host)?.app.profile.name;
    if (own === "custom") continue;
    const profile = await select<keyof typeof PROFILES>({
      message: `What runs on ${host}?`,
      options: (["bitwarden", "sync", "web"] as const).map((value) => ({
        value,
        label: value,
        hint: PROFILES[value],
      })),
      initialValue: own ?? (/vault|bitwarden/.test(host) ? "bitwarden" : "sync"),
      ...streams,
    });
    apps.set(host, given(profile));
  }
  return apps;
}

function hostsIn(text: string): string[] {
  return [...new Set(text.toLowerCase().match(/[^\s,]+/g))];
}

function hostsProblem(text: string, zone: string): string | undefined {
  const hosts = hostsIn(text);
  if (hosts.length === 0) return "Name at least one";
  const odd = hosts.find((host) => !isHostname(host) || !(host === zone || host.endsWith(`.${zone}`)));
  return odd === undefined ? undefined : `${printable(odd)} is not a hostname in ${zone}`;
}

/** The admin host; `undefined`: none. */
export async function askForAdminHost(zone: string, apps: readonly string[]): Promise<string | undefined> {
  const { text } = await import("@clack/prompts");
  const answer = await text({
    message: "The admin host, where you sign in from any browser (leave it empty for no pages)",
    placeholder: "no pages: the command line and the API only",
    initialValue: proposedAdminHost(zone),
    validate: (value) => adminHostProblem((value ?? "").trim().toLowerCase(), apps),
    ...streams,
  });
  return given(answer)?.trim().toLowerCase() || undefined;
}

export function proposedAdminHost(zone: string): string {
  return `latchkey.${zone}`;
}

function adminHostProblem(host: string, apps: readonly string[]): string | undefined {
  if (host === "") return undefined;
  if (!isHostname(host)) return `${printable(host)} is not a hostname`;
  return apps.includes(host) ? "An app could read the pages on its own host: choose another name" : undefined;
}

/** `--admin-host latchkey.example.com` */
export function parseAdminHost(word: string): string {
  const host = word.toLowerCase();
  if (isHostname(host)) return host;
  throw misuse(
    `--admin-host '${printable(word)}' is not a hostname`,
    "give, for example, latchkey.example.com",
  );
}

/** The first device, as `alice/pixel-9`; `undefined`: not now. */
export async function askForDevice(): Promise<string | undefined> {
  const { isCancel, text } = await import("@clack/prompts");
  const answer = await text({
    message:
      "No device is enrolled yet. Issue a certificate for a first one? Give USER/NAME, or nothing to skip this",
    placeholder: "alice/pixel-9",
    ...streams,
  });
  if (isCancel(answer) || !answer?.trim()) return undefined;
  return answer.trim();
}

/** `vault.example.com=bitwarden`; without a profile, `web`. */
export function parseApp(word: string): [string, ProfileName] {
  const [host = "", profile = "web", ...more] = word.toLowerCase().split("=");
  const known = PROFILE_NAMES.find((name) => name === profile);
  if (!isHostname(host) || more.length > 0) {
    throw misuse(
      `--app '${printable(word)}' names no host`,
      "give HOST=PROFILE, such as vault.example.com=bitwarden",
    );
  }
  if (isLocalhostName(host)) {
    throw misuse(`${host} is a local name`, "give a host of your zone, such as vault.example.com=bitwarden");
  }
  if (known === undefined) {
    throw misuse(`'${printable(profile)}' is not a profile`, `give one of ${PROFILE_NAMES.join(", ")}`);
  }
  return [host, known];
}

export function nothingDone() {
  return failed("nothing was done", "run latchkey setup again when you are ready");
}
