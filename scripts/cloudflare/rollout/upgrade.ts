// Deploying a new version, and going back to the one before if that makes anything worse.
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
  const after = await examine();
  const wereBad = new Set(before.filter(isBad).map(({ id }) => id));
  const worse = after.filter((finding) => isBad(finding) && !wereBad.has(finding.id));
  const isRolledBack = worse.length > 0 && previous !== undefined;
  if (isRolledBack) await deployer.rollback(target.config, target.account, previous);
  return { deployed, after, worse, isRolledBack };
}
