// What a new version brings to a deployment: the changelog, and what its wrangler.toml has that the folder's lacks.
import { parseWranglerToml } from "../cloudflare/client/wrangler-toml.ts";

/** The sections of the changelog above that of `version`; all of them if there is none, the first if it is unknown. */
export function changesSince(changelog: string, version: string | undefined): string[] {
  const sections = changelog.split(/^(?=## )/m).filter((section) => section.startsWith("## "));
  const known = sections.findIndex((section) => version !== undefined && titleOf(section) === version);
  const newer =
    version === undefined ? sections.slice(0, 1) : known === -1 ? sections : sections.slice(0, known);
  return newer.flatMap((section) => section.trim().split("\n"));
}

/** `0.2.0` of `## 0.2.0 (2026-12-01)`. */
function titleOf(section: string): string | undefined {
  return /^## \[?v?([^\s\]]+)/.exec(section)?.[1];
}

export interface SettingsChange {
  /** Settings that only the new version's file has, such as `triggers.crons`. */
  missing: readonly string[];
  /** Settings with another value there, where the value belongs to the code: `compatibility_date`. */
  different: readonly string[];
  /** Migrations and bindings of Durable Objects that the code needs, and the folder lacks. */
  required: readonly string[];
}

/** What belongs to each gate: nobody wants the demo's. */
const OWN = /^(name|main|routes?|vars\.(APPS|ADMIN_HOST)|account_id)(\.|$)/;
const OF_THE_CODE = ["compatibility_date", "compatibility_flags"];

/** Compares the folder's `wrangler.toml` with that of the version that is to be deployed. */
export function settingsChange(folders: string, versions: string): SettingsChange {
  const [theirs, ours] = [flat(parseWranglerToml(folders)), flat(parseWranglerToml(versions))];
  const missing = [...ours.keys()].filter((path) => !theirs.has(path) && !OWN.test(path));
  const isRequired = (path: string) => /^(migrations|durable_objects)\./.test(path);
  return {
    missing: missing.filter((path) => !isRequired(path)),
    different: OF_THE_CODE.flatMap((path) => {
      const [own, wanted] = [theirs.get(path), ours.get(path)];
      return own === undefined || own === wanted ? [] : [`${path} = ${wanted} (yours: ${own})`];
    }),
    required: missing.filter(isRequired),
  };
}

/** Paths to values as JSON. A list of tables is told apart by each one's tag or name: `migrations.v1`. */
function flat(value: unknown, path = ""): Map<string, string> {
  if (Array.isArray(value) && value.every((each) => typeof each === "object" && each !== null)) {
    return new Map(value.map((each) => [`${path}.${each.tag ?? each.name}`, JSON.stringify(each)]));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Map([[path, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, each]) => [...flat(each, path === "" ? key : `${path}.${key}`)]),
  );
}
