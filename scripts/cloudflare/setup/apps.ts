// Which app runs on which host, and which of its paths open without a credential: as given, guessed from the host, or
// asked.
import { type ProfileSetting, parseProfile, profileProblem } from "../../../src/contract/app-settings.ts";
import { CATALOGUE, rowOf } from "../../../src/domain/apps/catalogue.ts";
import { APP_PROFILES, type AppName, isAppName } from "../../../src/domain/apps/names.ts";
import { type App, DEFAULT_PROFILE, type ProfileName } from "../../../src/domain/request/app.ts";
import { isHostname } from "../../../src/domain/request/hostname.ts";
import { isPublicPath, NO_PATHS } from "../../../src/domain/request/path-rules.ts";
import { isLocalhostName } from "../../client/address.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import type { GatedHost } from "../client/wrangler-toml.ts";
import { given, streams } from "./dialogue.ts";
import type { Plan } from "./step.ts";

/** What passes on a host without a credential, beside what passes already. */
export interface Openings {
  paths: readonly string[];
  preflight: boolean;
}

export interface ChosenApps {
  apps: Map<string, ProfileSetting>;
  /** By host; nobody was asked about a host that is missing. */
  openings: Map<string, Openings>;
}

/** For apps that are not in the catalogue. */
const PROFILES: Record<Exclude<ProfileName, "custom">, string> = {
  bitwarden: "another server for Bitwarden's clients",
  sync: "another app whose clients keep local copies",
  web: "pages in a browser, and apps that keep nothing",
};

/** The app that a hostname suggests, such as Immich for photos.example.com; or that somebody's word for it does. */
export function guessApp(host: string): AppName | undefined {
  const [first = ""] = host.toLowerCase().split(".");
  const words = [first, ...first.split(/[-_\d]+/)];
  return CATALOGUE.find(({ name, hosts }) => words.some((word) => word === name || hosts.includes(word)))
    ?.name;
}

/** The settings that an app may need and does not have yet: suggested, never applied unasked. */
export function missingOpenings({ host, app }: GatedHost): Openings {
  if (app.name === undefined) return { paths: [], preflight: false };
  const row = rowOf(app.name);
  const passes = (path: string) => isPublicPath(app.publicPaths, `https://${host}${path}`, path);
  return {
    // For a folder, any path below it shows whether all of them pass.
    paths: row.public.map(({ path }) => path).filter((path) => !passes(path.replace(/\*$/, "x"))),
    preflight: row.preflight !== null && !app.preflight,
  };
}

/** What an app may need and nobody was asked about: its owner decides. */
export function suggestions(
  hosts: readonly GatedHost[],
  { apps, openings }: { apps: ReadonlyMap<string, unknown>; openings?: ReadonlyMap<string, Openings> },
): Plan["byHand"] {
  return hosts.flatMap((gated) => {
    const { host, app } = gated;
    if (app.name === undefined || !apps.has(host) || openings?.has(host)) return [];
    const { paths, preflight } = missingOpenings(gated);
    const settings = [
      ...(paths.length > 0 ? [`public = [${paths.map((path) => JSON.stringify(path)).join(", ")}]`] : []),
      ...(preflight ? ["preflight = true"] : []),
    ];
    if (settings.length === 0) return [];
    return [
      {
        reason: `${host}: some features of ${rowOf(app.name).title} may need more to pass without a credential`,
        remedy: `see docs/apps.md for which; if you use them, add ${settings.join(" and ")} to the app's settings`,
      },
    ];
  });
}

/** `vault.example.com=vaultwarden`; without an app or a profile, `web`. */
export function parseApp(word: string): [string, ProfileSetting] {
  const [host = "", written = "web", ...more] = word.toLowerCase().split("=");
  const example = "vault.example.com=vaultwarden";
  if (!isHostname(host) || more.length > 0) {
    throw misuse(`--app '${printable(word)}' names no host`, `give HOST=APP, such as ${example}`);
  }
  if (isLocalhostName(host)) {
    throw misuse(`${host} is a local name`, `give a host of your zone, such as ${example}`);
  }
  const setting = parseProfile(written);
  if (setting !== undefined) return [host, setting];
  const meant = guessApp(written);
  throw misuse(
    `'${printable(written)}' is neither an app known by name nor a profile`,
    meant === undefined ? profileProblem(written).replace("must be", "give") : `did you mean ${meant}?`,
  );
}

/** Asks for the hosts and what runs there. Those that `wrangler.toml` names already are proposed. */
export async function askForApps(zone: string, known: readonly GatedHost[]): Promise<ChosenApps> {
  const { text } = await import("@clack/prompts");
  const written = await text({
    message: "The apps' hostnames, separated by spaces",
    placeholder: `vault.${zone} photos.${zone}`,
    initialValue: known.map(({ host }) => host).join(" "),
    validate: (value) => hostsProblem(value ?? "", zone),
    ...streams,
  });
  const apps: ChosenApps["apps"] = new Map();
  const openings: ChosenApps["openings"] = new Map();
  for (const host of hostsIn(given(written))) {
    const gated = known.find((each) => each.host === host);
    if (gated?.app.profile.name === "custom") continue;
    const setting = await askForApp(host, gated);
    apps.set(host, setting);
    if (isAppName(setting)) openings.set(host, await askForOpenings(host, setting, gated));
  }
  return { apps, openings };
}

async function askForApp(host: string, gated: GatedHost | undefined): Promise<ProfileSetting> {
  const { select } = await import("@clack/prompts");
  const others = (["bitwarden", "sync", "web"] as const).map((value) => ({
    value,
    label: value,
    hint: PROFILES[value],
  }));
  const answer = await select<ProfileSetting>({
    message: `What runs on ${host}?`,
    options: [
      ...CATALOGUE.map(({ name, title }) => ({
        value: name,
        label: title,
        hint: `profile ${APP_PROFILES[name]}`,
      })),
      ...others,
    ],
    initialValue: gated?.app.name ?? gated?.app.profile.name ?? guessApp(host) ?? "sync",
    maxItems: 10,
    ...streams,
  });
  return given(answer);
}

/** What a host that is not in `wrangler.toml` yet lets through: nothing. */
const NEW_APP: App = {
  ...{ profile: DEFAULT_PROFILE, countries: null, publicPaths: NO_PATHS },
  ...{ preflight: false, basic: false, signIn: false, origins: new Set() },
};

/** Nothing is chosen beforehand: closed by default. */
async function askForOpenings(host: string, name: AppName, gated: GatedHost | undefined): Promise<Openings> {
  const { confirm, multiselect } = await import("@clack/prompts");
  const row = rowOf(name);
  const missing = missingOpenings({ host, app: { ...(gated?.app ?? NEW_APP), name } });
  let paths: readonly string[] = [];
  if (missing.paths.length > 0) {
    const answer = await multiselect<string>({
      message: `Which paths of ${host} should pass without a credential? Space selects, Enter continues; none is fine`,
      options: row.public
        .filter(({ path }) => missing.paths.includes(path))
        .map(({ path, why }) => ({ value: path, label: path, hint: why })),
      required: false,
      ...streams,
    });
    paths = given(answer);
  }
  if (!missing.preflight) return { paths, preflight: false };
  const preflight = await confirm({
    message: `Should CORS preflights of ${host} pass without a credential? ${row.preflight}`,
    initialValue: false,
    ...streams,
  });
  return { paths, preflight: given(preflight) };
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
