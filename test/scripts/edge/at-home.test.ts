// The stand-in for Cloudflare's API that `npm start` runs: what it signs and revokes, at the local edge.
import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Credential } from "../../../scripts/certificates/authority.ts";
import { createKeyAndRequest } from "../../../scripts/certificates/request.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { type HomeCloudflare, startHomeCloudflare } from "../../../scripts/stand-in/at-home.ts";
import { send, temporaryFolder } from "./client.ts";

let folder: string;
let cleanUp: () => Promise<void>;
let edge: Edge;
let cloudflare: HomeCloudflare;
const log: string[] = [];

async function start(): Promise<void> {
  edge = await startEdge({
    ...{ port: 0, stateDir: folder, vars: { REVOCATION_DELAY_SECONDS: 0 } },
    onWorkerLog: ({ message }) => log.push(message),
    startSigner: async (authority, paths) => {
      cloudflare = await startHomeCloudflare(authority, paths);
      return cloudflare;
    },
  });
}

beforeAll(async () => {
  [folder, cleanUp] = await temporaryFolder();
  await start();
});
afterAll(async () => {
  await edge?.stop();
  await cleanUp();
});

const token = async () => (await readFile(edge.paths.cloudflareToken, "utf8")).trim();

async function ask<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${cloudflare.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${await token()}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { success, result } = (await answer.json()) as { success: boolean; result: T };
  expect(success).toBe(true);
  return result;
}

async function zoneId(name: string): Promise<string> {
  const zones = await ask<{ id: string; name: string }[]>("GET", `/zones?name=${name}`);
  return zones[0]?.id ?? "";
}

async function issue(name: string): Promise<{ id: string; path: string; as: Credential }> {
  const { key, csr } = await createKeyAndRequest(`alice ${name}`, "ecdsa-p256");
  const certificates = `/zones/${await zoneId("localhost")}/client_certificates`;
  const { id, certificate } = await ask<{ id: string; certificate: string }>("POST", certificates, {
    csr,
    validity_days: 30,
  });
  return { id, path: `${certificates}/${id}`, as: { certificate, key } };
}

/** Why the gate refuses it. */
async function reasonOf(as: Credential): Promise<string> {
  const from = log.length;
  expect((await send(edge, "/", { as })).status).toBe(404);
  return vi.waitFor(() => {
    const refusal = log.slice(from).find((line) => line.includes('"refused"')) ?? "";
    return (JSON.parse(refusal) as { reason: string }).reason;
  });
}

describe("the stand-in beside the edge", () => {
  it("signs what the edge verifies, and revokes it there, after a while, for good", async () => {
    const { path, as } = await issue("phone");
    expect(await reasonOf(as)).toBe("unknown-device");
    expect(await ask("DELETE", path)).toMatchObject({ status: "pending_revocation" });
    await vi.waitFor(async () => expect(await ask("GET", path)).toMatchObject({ status: "revoked" }), 10_000);
    expect(await reasonOf(as)).toBe("revoked-certificate");

    const before = { url: cloudflare.url, token: await token() };
    await edge.stop();
    await start();
    expect({ url: cloudflare.url, token: await token() }).toEqual(before);
    expect(await ask("GET", path)).toMatchObject({ status: "revoked" });
    expect(await reasonOf(as)).toBe("revoked-certificate");
  });

  it("has kept what was changed by the time that it answers, a pending revocation too", async () => {
    const { path, as } = await issue("laptop");
    const associations = `/zones/${await zoneId("example.com")}/certificate_authorities/hostname_associations`;
    await ask("PUT", associations, { hostnames: ["pw.example.com"] });
    await ask("DELETE", path);
    await edge.stop();
    await start();
    expect(await ask("GET", associations)).toEqual({ hostnames: ["pw.example.com"] });
    // Time has passed meanwhile.
    expect(await ask("GET", path)).toMatchObject({ status: "revoked" });
    expect(await reasonOf(as)).toBe("revoked-certificate");
  });

  it("is there for this user of this machine only, and says what it is", async () => {
    expect(new URL(cloudflare.url).hostname).toBe("127.0.0.1");
    expect((await fetch(`${cloudflare.url}/zones`)).status).toBe(400);
    const wrong = { authorization: "Bearer stand-in-wrong" };
    expect((await fetch(`${cloudflare.url}/zones`, { headers: wrong })).status).toBe(403);
    for (const path of [edge.paths.cloudflare, edge.paths.cloudflareToken]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect(await token()).toMatch(/^stand-in-[\w-]{43}$/);
    const kept = await readFile(edge.paths.cloudflare, "utf8");
    expect(kept).toContain("local stand-in for Cloudflare's API: not Cloudflare");
    expect(kept).not.toContain(await token());
  });

  it("writes nothing when something comes without the token", async () => {
    const { mtimeMs } = await stat(edge.paths.cloudflare);
    const answer = await fetch(`${cloudflare.url}/zones`, { method: "POST", body: "x".repeat(1024 * 1024) });
    expect(answer.status).toBe(400);
    await answer.text();
    expect((await stat(edge.paths.cloudflare)).mtimeMs).toBe(mtimeMs);
  });

  it("takes a free port when its own is taken meanwhile", async () => {
    const { port } = new URL(cloudflare.url);
    await edge.stop();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(Number(port), "127.0.0.1", resolve));
    await start();
    other.close();
    expect(new URL(cloudflare.url).port).not.toBe(port);
    expect(await zoneId("localhost")).not.toBe("");
  });

  it("reads the state of an older version, and refuses what is none", async () => {
    const kept = JSON.parse(await readFile(edge.paths.cloudflare, "utf8")) as {
      state: { zones: Record<string, unknown>[] };
    };
    await edge.stop();
    for (const zone of kept.state.zones) delete zone.dnsRecords;
    await writeFile(edge.paths.cloudflare, JSON.stringify(kept));
    await start();
    expect(await ask("GET", `/zones/${await zoneId("localhost")}/dns_records`)).toEqual([]);

    await edge.stop();
    await writeFile(edge.paths.cloudflare, "{}");
    await expect(start()).rejects.toThrow(
      expect.objectContaining({
        exitCode: 1,
        message: `${edge.paths.cloudflare} is not the state of the stand-in for Cloudflare's API`,
        hint: expect.stringContaining("delete it"),
      }),
    );
  });
});
