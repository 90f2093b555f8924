import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** What `npm run test:quick` leaves out: real clients and browsers, and whatever starts the edge or wrangler, or takes as long. */
const SLOW = [
  "test/e2e/*.test.ts",
  "test/project/package.test.ts",
  "test/scripts/bench/deployed-worker.test.ts",
  "test/scripts/cli/{app-hints,asks-last,backup,commands,completion,invitations,listing}.test.ts",
  "test/scripts/cli/{login,lost,narrow,people,rotate,tokens,watch}.test.ts",
  "test/scripts/cloudflare/{conformity,doctor,issue,link,odd-answers,out-of-order,prove}.test.ts",
  "test/scripts/cloudflare/{revoke,rotate,setup,setup-command,setup-dialogue,status}.test.ts",
  "test/scripts/releases/releases.test.ts",
  "test/scripts/edge/{at-home,edge,proxy,reach,start,worker-log}.test.ts",
];

/** What asks the objects themselves, never through the one Worker of the runtime and what that remembers. */
const OBJECTS = [
  "test/src/registry/{act-notices,claims,cost,notifications,races,receipt}.test.ts",
  // Not lookup.test.ts, whose last test aborts the objects: one that comes up after that may outlive a reset.
  "test/src/registry/client/{invitations,registry}.test.ts",
  "test/src/registry/directory/{directory,people,sign-ins}.test.ts",
  "test/src/registry/storage/outbox.test.ts",
  "test/src/registry/user/*.test.ts",
];

/** What asks no object: in one runtime for all files, whose start takes longer than most of them. */
const PURE = [
  "test/src/domain/**/*.test.ts",
  "test/src/config.test.ts",
  "test/src/log.test.ts",
  "test/src/api/x509.test.ts",
  "test/src/auth/{secrets,session-value,short-memory,keyed-secrets,provider,logout-token}.test.ts",
  "test/src/contract/app-settings.test.ts",
  "test/src/gate/{decision,receipts,answers,standing-cache,standing-cache.property,properties}.test.ts",
  "test/src/notify/*.test.ts",
  "test/src/pages/qr-code.test.ts",
  "test/src/registry/client/call.test.ts",
];

const NODE = {
  // The command line's hints begin as it was called: here by its name, however the tests were started.
  env: {
    npm_lifecycle_event: "",
    // Compiled once, for all processes that the tests start and for the next run, a program starts in half the time.
    NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/latchkey/compiled", import.meta.url)),
  },
  // Starting a process for each file, and loading its packages again, takes longer than most files run.
  isolate: false,
  setupFiles: ["test/setup.ts"],
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

const workerd = () =>
  cloudflareTest({
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: {
      bindings: {
        ADMIN_TOKEN: "test-admin-token-of-more-than-32-characters",
        ADMIN_HOST: "latchkey.example.com",
        // Hosts of the tests: one open, one bound to countries, and one for each other profile.
        APPS: {
          "app.example.com": {},
          "swiss.example.com": { countries: ["CH", "LI"] },
          "vault.example.com": { profile: "bitwarden" },
          "files.example.com": { profile: "sync" },
          "own.example.com": {
            profile: "custom",
            status: 418,
            retryAfter: 60,
            body: '{"error":"later"}',
            contentType: "application/json",
          },
        },
      },
      // Stands for the app behind the gate: answers what it was sent.
      outboundService: async (request: {
        method: string;
        url: string;
        headers: Headers;
        text(): Promise<string>;
      }) =>
        Response.json({
          method: request.method,
          url: request.url,
          headers: Object.fromEntries(request.headers),
          body: await request.text(),
        }),
    },
  });

/** The tests of what runs in workerd run in workerd; those of what runs in Node, in Node. */
export default defineConfig({
  test: {
    // What a passing test prints is noise.
    silent: "passed-only",
    // On two cores, the default is one file at a time; most of them wait for other processes.
    maxWorkers: 3,
    projects: [
      {
        plugins: [workerd()],
        test: { name: "worker", include: ["test/src/**/*.test.ts"], exclude: [...OBJECTS, ...PURE] },
      },
      {
        plugins: [workerd()],
        test: { name: "objects", include: OBJECTS, isolate: false, setupFiles: ["test/src/setup.ts"] },
      },
      { plugins: [workerd()], test: { name: "pure", include: PURE, isolate: false } },
      { test: { ...NODE, name: "node", include: ["test/{scripts,project}/**/*.test.ts"], exclude: SLOW } },
      { test: { ...NODE, name: "edge", include: SLOW } },
    ],
  },
});
