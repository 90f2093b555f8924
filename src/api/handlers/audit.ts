import type { AuditList } from "../../contract/requests.ts";
import { type Handler, json, must, userParam } from "../handler.ts";
import { AuditQuery, readQuery } from "../input.ts";
import { representAudit } from "../represent.ts";

export const userAudit: Handler = async (request, { registry, url }) => {
  const { limit, before = null, search } = readQuery(url, AuditQuery);
  const { items, next } = must(await registry.userAudit(userParam(request), limit, before, search));
  return json<AuditList>({ entries: items.map(representAudit), next });
};

export const directoryAudit: Handler = async (_, { registry, url }) => {
  const { limit, before = null, search } = readQuery(url, AuditQuery);
  const { items, next } = await registry.directoryAudit(limit, before, search);
  return json<AuditList>({ entries: items.map(representAudit), next });
};
