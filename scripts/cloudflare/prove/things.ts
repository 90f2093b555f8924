import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { commonNameIn } from "../../certificates/request.ts";
import { DONE } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import {
  isOver,
  listClientCertificates,
  readAssociations,
  revokeAtCloudflare,
} from "../client/client-certificates.ts";
import { isNotFound } from "../client/failure.ts";
import { readRoutes, wholeHostPattern } from "../client/routes.ts";
import type { Zone } from "../client/zone.ts";
import { OWNED_RECORD, WORKER } from "./answers.ts";
import type { Undoing } from "./undo.ts";

/** The names of a run's things begin like this: how left-overs are found. */
export const PREFIX = "latchkey-prove-";

/** The record's comment: it distinguishes the record from the owner's. */
export const RECORD_COMMENT = "latchkey prove, may be deleted";

/** What a run calls its things. */
export interface Names {
  host: string;
  worker: string;
  /** The certificate's common name: not only ASCII, to see whether it is kept. */
  commonName: string;
  /** What the Worker wants to hear before it answers. */
  key: string;
}

/** `host`: the owner's choice. */
export function newNames(zone: Pick<Zone, "name">, host: string | undefined): Names {
  const worker = `${PREFIX}${randomBytes(4).toString("hex")}`;
  return {
    host: host ?? `${worker}.${zone.name}`,
    worker,
    commonName: `${worker} é`,
    key: randomBytes(16).toString("hex"),
  };
}

interface Home {
  client: CloudflareClient;
  zone: Zone;
}

export function workerOf({ client, zone }: Home, worker: string): Undoing {
  return {
    what: `the Worker ${worker}`,
    byHand: "Delete it under Workers & Pages in the dashboard",
    async remove() {
      const need = { permission: "scripts", what: `delete the Worker ${worker}` } as const;
      await ignoringAbsence(() =>
        client.ask(
          need,
          (sdk) => sdk.workers.scripts.delete(worker, { account_id: zone.account.id, force: true }),
          v.unknown(),
        ),
      );
    },
  };
}

export function routesOf({ client, zone }: Home, worker: string, host: string): Undoing {
  return {
    what: `the route ${wholeHostPattern(host)}`,
    byHand: `Delete it under Workers Routes in the dashboard of ${zone.name}`,
    async remove() {
      const need = { permission: "routes", what: `delete the routes to ${worker}` } as const;
      for (const route of await readRoutes({ client, zone })) {
        if (route.script !== worker) continue;
        await ignoringAbsence(() =>
          client.ask(need, (sdk) => sdk.workers.routes.delete(route.id, { zone_id: zone.id }), DONE),
        );
      }
    },
  };
}

export function associationOf({ client, zone }: Home, host: string): Undoing {
  return {
    what: `${host} among the hosts that ask for a certificate`,
    byHand: `Remove it under SSL/TLS > Client Certificates > Hosts in the dashboard of ${zone.name}`,
    async remove() {
      const now = await readAssociations({ client, zone });
      const hostnames = now.filter((name) => name !== host);
      if (hostnames.length === now.length) return;
      await setAssociations({ client, zone }, hostnames);
    },
  };
}

/** The call replaces the whole list. */
export async function setAssociations({ client, zone }: Home, hostnames: string[]): Promise<void> {
  await client.ask(
    { permission: "certificates", what: "choose the hosts that ask for a certificate" },
    (sdk) => sdk.certificateAuthorities.hostnameAssociations.update({ zone_id: zone.id, hostnames }),
    DONE,
  );
}

export function recordOf({ client, zone }: Home, host: string): Undoing {
  return {
    what: `the DNS record of ${host}`,
    byHand: `Delete it under DNS > Records in the dashboard of ${zone.name}`,
    async remove() {
      const need = { permission: "dns-edit", what: `delete the DNS record of ${host}` } as const;
      for (const { id } of (await listOurRecords({ client, zone })).filter(({ name }) => name === host)) {
        await ignoringAbsence(() =>
          client.ask(need, (sdk) => sdk.dns.records.delete(id, { zone_id: zone.id }), v.unknown()),
        );
      }
    },
  };
}

/** The records that a run of `prove` made, by their comment. */
export async function listOurRecords({ client, zone }: Home): Promise<{ id: string; name: string }[]> {
  const need = { permission: "dns-edit", what: "list the DNS records" } as const;
  const records = await client.list(
    need,
    (sdk, { page }) => sdk.dns.records.list({ zone_id: zone.id, per_page: 100, page }),
    OWNED_RECORD,
  );
  return records
    .filter(({ comment }) => comment === RECORD_COMMENT)
    .map(({ id, name }) => ({ id, name: name.toLowerCase() }));
}

export function certificateOf({ client, zone }: Home, worker: string): Undoing {
  return {
    what: `the client certificate of ${worker}`,
    byHand: `Revoke it under SSL/TLS > Client Certificates in the dashboard of ${zone.name}; its key is gone`,
    async remove() {
      for (const { id, owner } of await listOurCertificates({ client, zone })) {
        if (owner === worker) await revokeAtCloudflare(client, zone, id);
      }
    },
  };
}

/** The certificates of runs of `prove` that are not revoked; `owner` is the run's Worker. */
export async function listOurCertificates({ client, zone }: Home): Promise<{ id: string; owner: string }[]> {
  const all = await listClientCertificates(client, zone, "certificates");
  return all.flatMap(({ id, pem, status }) => {
    const [owner = ""] = (isOver(status) ? "" : (commonNameIn(pem) ?? "")).split(" ");
    return owner.startsWith(PREFIX) ? [{ id, owner }] : [];
  });
}

/** The names of the account's Workers that runs of `prove` made. */
export async function listOurWorkers({ client, zone }: Home): Promise<string[]> {
  const need = { permission: "scripts", what: "list the Workers" } as const;
  const scripts = await client.list(
    need,
    (sdk) => sdk.workers.scripts.list({ account_id: zone.account.id }),
    WORKER,
  );
  return scripts.flatMap(({ id }) => (id.startsWith(PREFIX) ? [id] : []));
}

async function ignoringAbsence(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
