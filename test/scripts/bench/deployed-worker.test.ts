import { expect, it } from "vitest";
import { buildDeployedWorker } from "../../../scripts/bench/deployed-worker.ts";

it("what is measured is what is deployed: minified, as wrangler.toml says, and without the source map", () => {
  const { code, kib, gzippedKib } = buildDeployedWorker();
  // Unless it minifies, esbuild names each file in a comment and keeps the names of functions.
  expect(code).not.toMatch(/^\/\/ src\//m);
  expect(code).not.toContain("describeSchemas");
  expect(code).toContain("UserRegistry");
  expect(Buffer.byteLength(code) / 1024).toBe(kib);
  expect(gzippedKib).toBeLessThan(kib / 2);
});
