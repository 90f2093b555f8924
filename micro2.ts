import { Workerd, CF_HEADER } from "./scripts/bench/workerd.ts"; import * as w from "./scripts/bench/workers.ts"; import autocannon from "autocannon"; import { mkdtempSync } from "node:fs"; import http from "node:http";
const dir = mkdtempSync("/tmp/bq-"); const b = w.buildWorker(); const c = w.compatibility();
const origin = await Workerd.start({ folder: dir + "/o", code: w.ORIGIN, ...c }); const o = `127.0.0.1:${origin.port}`;
const gateVars = { vars: { APPS: { "app.example.com": {} }, REVOCATION_DELAY_SECONDS: 3600, ADMIN_TOKEN: "x".repeat(40) }, durableObjects: { USER_REGISTRY: "UserRegistry", DIRECTORY: "Directory" } };
const inGate = (body: string) => b.code.replace("index_default as default", "index_default as inner0") + `\nexport default { ${body} };`;
const V: Record<string, [string, object]> = {
  bare: [w.BARE, {}],
  v0: [inGate("async fetch(r, env, ctx) { builtFor.get(env) ?? build(env); return fetch(r); }"), gateVars],
  v1: [inGate("async fetch(r, env, ctx) { builtFor.get(env) ?? build(env); const v = new Visit(r, hostnames.of(r.url), r.cf ?? {}, ctx); return fetch(r); }"), gateVars],
  v2: [inGate("async fetch(r, env, ctx) { builtFor.get(env) ?? build(env); const v = new Visit(r, hostnames.of(r.url), r.cf ?? {}, ctx); readCertificate(v.cf.tlsClientAuth); return fetch(r); }"), gateVars],
  v3: [b.code.replace("fetch(withoutOwnHeaders(request))", "fetch(request)"), gateVars],
  gate: [b.code, gateVars],
};
const only = process.argv[2]?.split(",") ?? Object.keys(V);
const W: Record<string, Workerd> = {};
for (const [n, [code, more]] of Object.entries(V)) if (only.includes(n)) W[n] = await Workerd.start({ folder: `${dir}/${n}`, code, origin: o, ...c, ...more });
const fp = "ab".repeat(32);
const tls = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certFingerprintSHA256: fp, certNotBefore: "Dec 22 19:39:00 2018 GMT", certNotAfter: "Dec 22 19:39:00 2038 GMT", certSubjectDN: "CN=phone", certIssuerDN: "CN=CA", certSerial: "ABCD", certSKI: "", certIssuerSKI: "", certFingerprintSHA1: "", certSubjectDNRFC2253: "CN=phone", certIssuerDNRFC2253: "CN=CA", certSubjectDNLegacy: "/CN=phone", certIssuerDNLegacy: "/CN=CA", certIssuerSerial: "" };
const call = (port: number, method: string, path: string, body?: object) => new Promise<number>((res) => { const q = http.request({ port, path, method, headers: { host: "app.example.com", authorization: "Bearer " + "x".repeat(40), "content-type": "application/json", [CF_HEADER]: "{}" } }, (r) => { r.resume(); r.on("end", () => res(r.statusCode!)); }); q.end(body ? JSON.stringify(body) : undefined); });
for (const n of ["gate","v3"]) if (W[n]) { await call(W[n].port, "PUT", "/.latchkey/api/v1/users/alice", {}); await call(W[n].port, "POST", "/.latchkey/api/v1/users/alice/devices", { name: "p", fingerprint: fp }); }
const cf = JSON.stringify({ country: "CH", colo: "ZRH", tlsClientAuth: tls }); const sum: Record<string, number[]> = {};
for (let r = 0; r < Number(process.argv[3] ?? 5); r++) for (const [n, wd] of Object.entries(W)) { const c0 = wd.cpuSeconds()!; const res = await autocannon({ url: wd.url + "/path/x?y=1", connections: 8, duration: 1.5, headers: { host: "app.example.com", [CF_HEADER]: cf, "user-agent": "Mozilla/5.0 (X11; Linux x86_64) bench", accept: "text/html,application/xhtml+xml", "accept-language": "en" } }); (sum[n] ??= []).push(((wd.cpuSeconds()! - c0) / res.requests.total) * 1e6); }
const med = (a: number[]) => a.sort((x, y) => x - y)[a.length >> 1]!;
for (const [n, s] of Object.entries(sum)) console.log(n.padEnd(14), med(s).toFixed(1), "min", Math.min(...s).toFixed(1));
for (const wd of [...Object.values(W), origin]) await wd.stop();
