// Users, and the audit logs.

import type { AuditList, User, UserList } from "../../contract/answers.ts";
import { API_PATH } from "../../contract/paths.ts";
import { AuditQuery, PutUserRequest, UsersQuery } from "../../contract/requests.ts";
import { body, type Handler, json, must, noContent, registryOfUser, userParam } from "../handler.ts";
import { readQuery } from "../input.ts";
import { representAudit, representUser } from "../represent.ts";

export const listUsers: Handler = async (_, { directory, url, principal }) => {
  const { limit, after = "" } = readQuery(url, UsersQuery);
  const { user } = principal;
  if (user !== null) {
    const own = await directory.ask((directory) => directory.user(user));
    return json<UserList>({ users: own === null ? [] : [representUser(own)], next: null });
  }
  const { items, next } = await directory.ask((directory) => directory.users(limit, after));
  return json<UserList>({ users: items.map(representUser), next });
};

export const putUser: Handler = async (request, { registry, by }) => {
  const id = userParam(request, "invalid-fields");
  const { name } = await body(request, PutUserRequest);
  const { user, created } = await registry.putUser(by, id, name);
  return created
    ? json<User>(representUser(user), 201, { Location: `${API_PATH}/users/${id}` })
    : json<User>(representUser(user));
};

export const deleteUser: Handler = async (request, { registry, by }) => {
  must(await registry.deleteUser(by, userParam(request)));
  return noContent();
};

export const readUserAudit: Handler = async (request, { registry, url }) => {
  const { limit, before = null, search } = readQuery(url, AuditQuery);
  const { ask } = await registryOfUser(request, { registry });
  const { items, next } = await ask((user) => user.audit(limit, before, search));
  return json<AuditList>({ entries: items.map(representAudit), next });
};

export const readAudit: Handler = async (_, { directory, url }) => {
  const { limit, before = null, search } = readQuery(url, AuditQuery);
  const { items, next } = await directory.ask((directory) => directory.audit(limit, before, search));
  return json<AuditList>({ entries: items.map(representAudit), next });
};
