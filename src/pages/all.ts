import { representDevice } from "../api/represent.ts";
import type { Device } from "../contract/answers.ts";
import { PAGE_LIMIT_MAX } from "../contract/limits.ts";
import type { Principal } from "../domain/credential.ts";
import type { UserRecord } from "../domain/records.ts";
import type { RegistryClient } from "../registry/client/registry-client.ts";
import type { PageContext } from "./context.ts";

/**
 * Users whose registries one page asks: a Worker of the free plan makes no more than 50 calls for a request.
 * With more, the pages list the users instead.
 */
export const USERS_AT_ONCE = 20;

/** The users whom somebody may see, and whether there are more than one page asks. */
export async function visibleUsers(
  registry: RegistryClient,
  { user }: Principal,
): Promise<{ users: UserRecord[]; isWhole: boolean }> {
  if (user !== null) {
    const own = await registry.user(user);
    return { users: own === null ? [] : [own], isWhole: true };
  }
  const { items } = await registry.users(PAGE_LIMIT_MAX, "");
  return { users: items, isWhole: items.length <= USERS_AT_ONCE };
}

/** Up to a page of a user's devices; none for a user who was removed meanwhile. */
export async function devicesOf(
  { registry, by }: Pick<PageContext, "registry" | "by">,
  user: UserRecord,
  after = 0,
): Promise<{ devices: Device[]; next: string | null }> {
  const page = await registry.devices(user.id, PAGE_LIMIT_MAX, after);
  return page.ok
    ? { devices: page.value.items.map((device) => representDevice(device, by)), next: page.value.next }
    : { devices: [], next: null };
}
