// A made-up household for the pictures: its people and devices, as its owner would have added them.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Credential } from "../../scripts/certificates/authority.ts";
import type { DeviceFiles } from "../../scripts/certificates/device-files.ts";
import type { NewInvitation, NewToken } from "../../src/contract/answers.ts";
import { type LocalZone, startLocalZone } from "../cloudflare/zone.ts";
import { apiOf } from "../e2e/support/api.ts";
import { TlsClient } from "../e2e/support/tls-client.ts";

const LATCHKEY = fileURLToPath(new URL("../../scripts/latchkey.ts", import.meta.url));

export const APP = "vault.example.com";

export interface Household {
  zone: LocalZone;
  /** Where the pages are. */
  home: string;
  /** Of alice's new phone: nobody has opened it yet. */
  link: string;
  /** The code of alice's emergency card. */
  card: string;
  /** A suspended device, with its certificate. */
  suspended: TlsClient;
  stop(): Promise<void>;
}

export async function startHousehold(): Promise<Household> {
  const zone = await startLocalZone({
    APPS: {
      [APP]: { profile: "vaultwarden" },
      "photos.example.com": { profile: "immich" },
      "cloud.example.com": { profile: "nextcloud" },
      // The name in the server's certificate that `TlsClient` checks.
      "app.localhost": {},
    },
  });
  const clients: TlsClient[] = [];
  const latchkey = async (...words: string[]) => {
    const env = { ...zone.environment, PATH: process.env.PATH, HOME: zone.folder() };
    const { stdout } = await promisify(execFile)(process.execPath, [LATCHKEY, ...words, "--json"], { env });
    return JSON.parse(stdout) as unknown;
  };
  const issue = async (name: string): Promise<Credential> => {
    const { files } = (await latchkey("issue", "alice", name, "--out", zone.folder())) as {
      files: DeviceFiles;
    };
    return { certificate: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") };
  };
  const visit = async (name: string, host: string, credential: Credential) => {
    const client = new TlsClient(zone.edge, credential);
    clients.push(client);
    const { status } = await client.call("/", { host });
    if (status !== 200) throw new Error(`${name} is refused at ${host}: ${status}`);
    return client;
  };
  await apiOf(zone.edge)("PUT", "/users/alice", { name: "Alice" });
  await visit("Pixel 9", APP, await issue("Pixel 9"));
  await visit("Laptop", "cloud.example.com", await issue("Laptop"));
  // Its certificate expires soon.
  const tablet = await visit("Tablet", "photos.example.com", await zone.issue("Tablet"));
  await latchkey("device-token", "alice", "TV", "--app", "photos.example.com");
  await latchkey("suspend", "alice/Tablet", "--reason", "in repair");
  const { link } = (await latchkey("invite", "alice", "--with-certificate", "New phone")) as NewInvitation;
  const wanted = { user: "alice", name: "emergency card", scope: "emergency" };
  const { token } = (await apiOf(zone.edge)("POST", "/tokens", wanted)) as NewToken;
  return {
    zone,
    home: zone.edge.url(zone.edge.apiHost),
    link,
    card: token,
    suspended: tablet,
    async stop() {
      for (const client of clients) client.close();
      await zone.stop();
    },
  };
}
