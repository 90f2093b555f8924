import { parseUserId, type UserId } from "../../src/domain/user.ts";
import { orAbsent } from "./answer.ts";
import type { Api } from "./api.ts";

/** How many users are asked about at the same time: few enough to spare the server, enough not to wait long. */
const USERS_AT_ONCE = 4;

/** What the API lists by user, of all users that the credentials reach, in their order. */
export async function ofAllUsers<T>(api: Api, list: (user: UserId) => Promise<T[]>): Promise<T[]> {
  const users = (await api.users()).flatMap(({ id }) => parseUserId(id) ?? []);
  const found: T[] = [];
  for (let index = 0; index < users.length; index += USERS_AT_ONCE) {
    const batch = users.slice(index, index + USERS_AT_ONCE);
    // A user removed since the list was made has nothing.
    const lists = await Promise.all(batch.map((user) => orAbsent(list(user), "unknown-user")));
    found.push(...lists.flatMap((each) => each ?? []));
  }
  return found;
}

/** The same of one user, or of all if none is named. */
export function ofUsers<T>(
  api: Api,
  user: UserId | undefined,
  list: (user: UserId) => Promise<T[]>,
): Promise<T[]> {
  return user === undefined ? ofAllUsers(api, list) : list(user);
}
