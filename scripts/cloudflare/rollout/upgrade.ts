// Deploying a new version, and going back to the one before if that makes anything worse.
import { Failure, failed } from "../../terminal/failure.ts";
import type { Finding } from "../doctor/check.ts";
import type { Deployer, Rollback } from "../setup/deployment.ts";
import { type Deployed, deploy, type Target } from "./deploy.ts";

export interface Upgrade {
  target: Target;
  deployer: Deployer & Rollback;
  /** Cloudflare's id of the version that runs until now; without it there is nothing to go back to. */
  previous: string | undefined;
  /** The doctor. */
  examine(): Promise<Finding[]>;
  /** Which of its findings count. */
  isBad(finding: Finding): boolean;
}

export interface Outcome {
  deployed: Deployed;
  after: readonly Finding[];
  /** What is bad now, and was not before. */
  worse: readonly Finding[];
  isRolledBack: boolean;
}

/** Deploys and examines. What was bad before, for whatever reason, is no reason to go back. */
export async function upgrade(given: Upgrade, before: readonly Finding[]): Promise<Outcome> {
  const { target, deployer, previous, examine, isBad } = given;
  const deployed = await deploy(target, deployer);
  const after = await examine().catch((error: unknown) => {
    throw notExamined(error, previous);
  });
  const wereBad = new Set(before.filter(isBad).map(({ id }) => id));
  const worse = after.filter((finding) => isBad(finding) && !wereBad.has(finding.id));
  const isRolledBack = worse.length > 0 && previous !== undefined;
  if (isRolledBack) {
    await deployer.rollback(target.config, target.account, previous).catch((error: unknown) => {
      throw notRolledBack(error, previous, worse);
    });
  }
  return { deployed, after, worse, isRolledBack };
}

/** Nobody knows whether it is worse, so people decide. */
function notExamined(error: unknown, previous: string | undefined): unknown {
  if (!(error instanceof Failure)) return error;
  return failed(
    `the new version is deployed, but the doctor could not look at it: ${error.message}`,
    `${error.hint}; then run latchkey doctor, or go back: npx wrangler rollback ${previous ?? "VERSION"}`,
    error.list,
  );
}

function notRolledBack(error: unknown, previous: string, worse: readonly Finding[]): unknown {
  if (!(error instanceof Failure)) return error;
  return failed(
    `the checks got worse, and the new version still runs: ${error.message}`,
    `go back by hand: npx wrangler rollback ${previous}; latchkey setup and deploy would deploy the new version again`,
    worse.map(({ id, reason }) => `${id}: ${reason}`),
  );
}
