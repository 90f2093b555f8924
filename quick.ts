import { Workerd, CF_HEADER } from "./scripts/bench/workerd.ts"; import * as w from "./scripts/bench/workers.ts"; import autocannon from "autocannon"; import { mkdtempSync } from "node:fs";
const dir = mkdtempSync("/tmp/bq-"); const c = w.compatibility(); const built = w.buildWorker();
const origin = await Workerd.start({ folder: dir + "/o", code: w.ORIGIN, ...c }); const o = `127.0.0.1:${origin.port}`;
const mk = (name: string, code: string, delay?: number) => Workerd.start({ folder: `${dir}/${name}`, code, origin: o, ...c, ...(delay === undefined ? {} : { vars: { APPS: { "app.example.com": {} }, REVOCATION_DELAY_SECONDS: delay, ADMIN_TOKEN: "x".repeat(40) }, durableObjects: { USER_REGISTRY: "UserRegistry", DIRECTORY: "Directory" } }) });
const T: Record<string, Workerd> = { bare: await mk("bare", w.BARE), twenty: await mk("twenty", w.TWENTY_LINES), warm: await mk("warm", built.code, 10), zero: await mk("zero", built.code, 0) };
const fp = "ab".repeat(32);
const tls = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certFingerprintSHA256: fp, certNotBefore: "Dec 22 19:39:00 2018 GMT", certNotAfter: "Dec 22 19:39:00 2038 GMT", certSubjectDN: "CN=phone", certIssuerDN: "CN=CA", certSerial: "ABCD", certSKI: "", certIssuerSKI: "", certFingerprintSHA1: "", certSubjectDNRFC2253: "CN=phone", certIssuerDNRFC2253: "CN=CA", certSubjectDNLegacy: "/CN=phone", certIssuerDNLegacy: "/CN=CA", certIssuerSerial: "" };
const cf = (t: object) => JSON.stringify({ country: "CH", colo: "ZRH", tlsClientAuth: t });
import http from "node:http";
const call = (port: number, method: string, path: string, body?: object) => new Promise<number>((res) => { const q = http.request({ port, path, method, headers: { host: "app.example.com", authorization: "Bearer " + "x".repeat(40), "content-type": "application/json", [CF_HEADER]: "{}" } }, (r) => { r.resume(); r.on("end", () => res(r.statusCode!)); }); q.end(body ? JSON.stringify(body) : undefined); });
for (const n of ["warm", "zero"]) { await call(T[n]!.port, "PUT", "/.latchkey/api/v1/users/alice", {}); console.log(n, await call(T[n]!.port, "POST", "/.latchkey/api/v1/users/alice/devices", { name: "p", fingerprint: fp })); }
const none = { certPresented: "0", certVerified: "NONE", certRevoked: "0" };
const runs: [string, Workerd, object][] = [["bare", T.bare!, tls], ["twenty", T.twenty!, tls], ["warm", T.warm!, tls], ["zero", T.zero!, tls], ["twenty404", T.twenty!, none], ["gate404", T.warm!, none]];
const sum: Record<string, { rps: number[]; cpu: number[] }> = {};
const only = process.argv[2]?.split(",");
for (let r = 0; r < Number(process.argv[3] ?? 3); r++) for (const [name, wd, t] of runs) {
  if (only && only[0] !== "all" && !only.includes(name)) continue;
  const c0 = wd.cpuSeconds()!; 
  const res = await autocannon({ url: wd.url + "/path/x?y=1", connections: 16, duration: 2, headers: { host: "app.example.com", [CF_HEADER]: cf(t), "user-agent": "Mozilla/5.0 (X11; Linux x86_64) bench", accept: "text/html,application/xhtml+xml", "accept-language": "en" } });
  const cpu = ((wd.cpuSeconds()! - c0) / res.requests.total) * 1e6;
  (sum[name] ??= { rps: [], cpu: [] }).rps.push(res.requests.average); sum[name]!.cpu.push(cpu);
}
const med = (a: number[]) => a.sort((x, y) => x - y)[a.length >> 1]!;
for (const [n, s] of Object.entries(sum)) console.log(n.padEnd(12), "rps", med(s.rps).toFixed(0), "cpu us/req", med(s.cpu).toFixed(1), "ratio", (med(sum.bare?.cpu ?? [1]) / med(s.cpu)).toFixed(3), (med(s.rps) / med(sum.bare?.rps ?? [1])).toFixed(3));
for (const wd of [...Object.values(T), origin]) await wd.stop();
