import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** The tests of what runs in workerd run in workerd; those of what runs in Node, in Node. */
export default defineConfig({
  test: {
    // What a passing test prints is noise.
    silent: "passed-only",
    // On two cores, the default is one file at a time; most of them wait for other processes.
    maxWorkers: 2,
    projects: [
      {
        plugins: [
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
          }),
        ],
        test: { name: "worker", include: ["test/src/**/*.test.ts"] },
      },
      {
        test: {
          name: "node",
          // The command line's hints begin as it was called: here by its name, however the tests were started.
          env: { npm_lifecycle_event: "" },
          include: ["test/{scripts,e2e,project}/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
