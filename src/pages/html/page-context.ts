// What a page is made from, and what of the registry its reader may see.
import { representDevice } from "../../api/represent.ts";
import type { Device } from "../../contract/answers.ts";
import { PAGE_LIMIT_MAX } from "../../contract/limits.ts";
import type { Principal } from "../../domain/credential.ts";
import type { UserRecord } from "../../domain/records.ts";
import type { Actor } from "../../registry/storage/audit-log.ts";
import type { Services } from "../../services.ts";

/** A request of somebody who is signed in. */
export interface PageContext extends Services {
  principal: Principal;
  by: Actor;
  url: URL;
  /** Parts of the path, still percent-encoded. */
  params: Record<string, string>;
  /** The form that was sent; empty where none was. */
  form: URLSearchParams;
  /** Milliseconds since the epoch. */
  now: number;
  /** Where the reader seems to be, for times of day. */
  timeZone: string;
}

/**
 * How many users' registries one page asks: on the free plan, a Worker may make 50 calls per request. With more users,
 * the pages list them instead.
 */
export const USERS_AT_ONCE = 20;

/** The users whom somebody may see, and whether they are few enough for one page to ask their registries. */
export async function visibleUsers({
  directory,
  principal,
}: PageContext): Promise<{ users: UserRecord[]; isWhole: boolean }> {
  const { user } = principal;
  if (user !== null) {
    const own = await directory.ask((directory) => directory.user(user));
    return { users: own === null ? [] : [own], isWhole: true };
  }
  const { items } = await directory.ask((directory) => directory.users(PAGE_LIMIT_MAX, ""));
  return { users: items, isWhole: items.length <= USERS_AT_ONCE };
}

/** A user's first devices after a cursor; none if the user has been removed in the meantime. */
export async function devicesOf(
  { registry, by }: Pick<PageContext, "registry" | "by">,
  user: UserRecord,
  after = 0,
): Promise<{ devices: Device[]; next: string | null }> {
  const found = await registry.ofUser(user.id);
  if (!found.ok) return { devices: [], next: null };
  const { items, next } = await found.value.ask((user) => user.list(PAGE_LIMIT_MAX, after));
  return { devices: items.map((device) => representDevice(device, by)), next };
}
