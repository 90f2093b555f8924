import { randomBytes } from "node:crypto";
import type Cloudflare from "cloudflare";
import * as v from "valibot";
import { commonNameIn } from "../../certificates/request.ts";
import { fields } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import {
  isOver,
  listClientCertificates,
  readAssociations,
  revokeAtCloudflare,
  setAssociations,
} from "../client/client-certificates.ts";
import { unlessMissing } from "../client/failure.ts";
import { deleteRoute, readRoutes, wholeHostPattern } from "../client/routes.ts";
import type { Zone } from "../client/zone.ts";
import type { Undoing } from "./undo.ts";

/** The names of a run's things begin with this, so that left-overs are found. */
export const PREFIX = "latchkey-prove-";

/** The record's comment, which distinguishes it from the owner's records. */
export const RECORD_COMMENT = "latchkey prove, may be deleted";

/** The names of a run's things. */
export interface Names {
  host: string;
  worker: string;
  /** The certificate's common name: beyond ASCII, to see whether it is kept. */
  commonName: string;
  /** The secret without which the Worker answers 404. */
  key: string;
}

/** `host`: the owner's choice, if any. */
export function newNames(zone: Pick<Zone, "name">, host: string | undefined): Names {
  const worker = `${PREFIX}${randomBytes(4).toString("hex")}`;
  return {
    host: host ?? `${worker}.${zone.name}`,
    worker,
    commonName: `${worker} é`,
    key: randomBytes(16).toString("hex"),
  };
}

/** Where the things of a run are. */
export interface Home {
  client: CloudflareClient;
  zone: Zone;
}

export function workerOf({ client, zone }: Home, worker: string): Undoing {
  return {
    what: `the Worker ${worker}`,
    byHand: "Delete it under Workers & Pages in the dashboard",
    async remove() {
      const need = { permission: "scripts", what: `delete the Worker ${worker}` } as const;
      const options = { account_id: zone.account.id, force: true };
      await unlessMissing(() =>
        client.ask(need, (sdk) => sdk.workers.scripts.delete(worker, options), v.unknown()),
      );
    },
  };
}

export function routesOf(home: Home, worker: string, host: string): Undoing {
  return {
    what: `the route ${wholeHostPattern(host)}`,
    byHand: `Delete it under Workers Routes in the dashboard of ${home.zone.name}`,
    async remove() {
      for (const route of await readRoutes(home)) {
        if (route.script === worker) await unlessMissing(() => deleteRoute(home, route));
      }
    },
  };
}

export function associationOf(home: Home, host: string): Undoing {
  return {
    what: `${host} among the hosts that ask for a certificate`,
    byHand: `Remove it under SSL/TLS > Client Certificates > Hosts in the dashboard of ${home.zone.name}`,
    async remove() {
      const now = await readAssociations(home);
      const hostnames = now.filter((name) => name !== host);
      if (hostnames.length < now.length) await setAssociations(home, hostnames);
    },
  };
}

export function recordOf({ client, zone }: Home, host: string): Undoing {
  return {
    what: `the DNS record of ${host}`,
    byHand: `Delete it under DNS > Records in the dashboard of ${zone.name}`,
    async remove() {
      const need = { permission: "dns-edit", what: `delete the DNS record of ${host}` } as const;
      for (const { id } of (await listOurRecords({ client, zone })).filter(({ name }) => name === host)) {
        await unlessMissing(() =>
          client.ask(need, (sdk) => sdk.dns.records.delete(id, { zone_id: zone.id }), v.unknown()),
        );
      }
    },
  };
}

/** The records that runs of `prove` made, by their comment. */
export async function listOurRecords(home: Home): Promise<{ id: string; name: string }[]> {
  return (await listRecords(home)).filter(({ comment }) => comment === RECORD_COMMENT);
}

const OWNED_RECORD = fields({
  id: v.string(),
  name: v.pipe(v.string(), v.toLowerCase()),
  comment: v.nullish(v.string(), ""),
});

export function listRecords({ client, zone }: Home): Promise<v.InferOutput<typeof OWNED_RECORD>[]> {
  return client.list(
    { permission: "dns-edit", what: "list the DNS records" },
    (sdk, { page }) => sdk.dns.records.list({ zone_id: zone.id, per_page: 100, page }),
    OWNED_RECORD,
  );
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
  const list = (sdk: Cloudflare) => sdk.workers.scripts.list({ account_id: zone.account.id });
  const scripts = await client.list(need, list, fields({ id: v.string() }));
  return scripts.flatMap(({ id }) => (id.startsWith(PREFIX) ? [id] : []));
}
