// A device's limits, as a request gives them.
import type * as v from "valibot";
import { ApiError } from "../contract/api-error.ts";
import type { LimitDeviceRequest } from "../contract/requests.ts";
import type { DeviceRecord, GuestLimits } from "../domain/records.ts";
import { type Apps, type Context, must } from "./handler.ts";

interface GivenLimits {
  apps?: string[] | null | undefined;
  countries?: string[] | null | undefined;
  expiresAt?: string | number | null | undefined;
}

/** Only the limits that are given. Throws `invalid-fields` for an app that the gate does not know, or a time that has passed. */
export function givenLimits(given: GivenLimits, apps: Apps, now: number): Partial<GuestLimits> {
  const unknown = (given.apps ?? []).find((host) => !apps.isApp(host));
  if (unknown !== undefined) {
    throw invalid(
      "apps",
      `${JSON.stringify(unknown)} is not an app behind this gate (${apps.hosts.join(", ")})`,
    );
  }
  return {
    ...(given.apps === undefined ? {} : { apps: given.apps }),
    ...(given.countries === undefined ? {} : { countries: given.countries }),
    ...(given.expiresAt === undefined ? {} : { expiresAt: futureTime(given.expiresAt, now, "expiresAt") }),
  };
}

/** All of them: those that are not given are no limits. */
export function allLimits(given: GivenLimits, apps: Apps, now: number): GuestLimits {
  return { apps: null, countries: null, expiresAt: null, ...givenLimits(given, apps, now) };
}

/** Changes what a device is limited to. Also throws `invalid-fields` for paths, if the device is not a feed. */
export async function changeLimits(
  { registry, apps, by }: Pick<Context, "registry" | "apps" | "by">,
  { user, id, kind }: Pick<DeviceRecord, "user" | "id" | "kind">,
  { paths, ...given }: v.InferOutput<typeof LimitDeviceRequest>,
): Promise<DeviceRecord> {
  if (paths !== undefined && kind !== "feed") throw invalid("paths", "only a feed has paths");
  if (kind === "feed") refuseVaults(given.apps, apps);
  const limits = { ...givenLimits(given, apps, by.at), paths };
  const { ask } = must(await registry.ofUser(user));
  return must(await ask((user) => user.edit(by, id, limits)));
}

/** Whether a feed URL may lead to this app: the gate accepts none on an app whose clients hold a vault. */
export function mayHaveFeeds(host: string, apps: Apps): boolean {
  return apps.profileOf(host) !== "bitwarden";
}

/** Throws `invalid-fields` for an app that no feed may read. */
export function refuseVaults(given: readonly string[] | null | undefined, apps: Apps): void {
  const vault = (given ?? []).find((host) => !mayHaveFeeds(host, apps));
  if (vault === undefined) return;
  throw invalid("apps", `${vault} has the profile bitwarden: a feed URL must never open a vault`);
}

/** Ten years: no time limit lies further ahead. */
const FUTURE_MAX_MS = 3650 * 24 * 3600_000;

/** A time in the future, in milliseconds since the epoch: given in ISO 8601, or in seconds from now. */
export function futureTime(given: string | number | null, now: number, path: string): number | null {
  if (given === null) return null;
  if (typeof given === "number") return now + given * 1000;
  const time = Date.parse(given);
  if (time > now && time <= now + FUTURE_MAX_MS) return time;
  throw invalid(path, "the time must be in the future and within ten years");
}

export function invalid(path: string, message: string): ApiError {
  return new ApiError("invalid-fields", message, { errors: [{ path, message }] });
}
