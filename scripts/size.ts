// npm run size: the Worker's size as `wrangler deploy` uploads it. Fails when it is too large.
import { buildDeployedWorker } from "./bench/deployed-worker.ts";

/** Kibibytes, gzipped. The free plan takes 3 MB; what counts is the start, which the bench measures. */
const MAX_GZIPPED_KIB = 200;

const { kib, gzippedKib } = buildDeployedWorker();
console.log(`worker: ${kib.toFixed(1)} KiB, gzipped ${gzippedKib.toFixed(1)} KiB of ${MAX_GZIPPED_KIB} KiB`);
if (gzippedKib > MAX_GZIPPED_KIB) {
  console.error(
    "latchkey: the Worker is too large, and every start reads all of it\nhint: see what it is made of: npx wrangler deploy --dry-run --outdir dist",
  );
  process.exitCode = 1;
}
