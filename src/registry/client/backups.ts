import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { RegistryError } from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import type { DirectoryBackup, DirectoryRestored, DirectoryRestoreRequest } from "../directory/restores.ts";
import type { Actor, AuditRecord } from "../storage/audit-log.ts";
import type { AuditRestored } from "../storage/audit-restore.ts";
import type { Restored, RestoreRequest } from "../user/restores.ts";
import { directoryOf, type RegistryBindings } from "./objects.ts";
import { onceMore, type Registry } from "./registry.ts";

/**
 * Fingerprints of others whose claim may be abandoned, looked into one by one in one restore, its repetition
 * included: three calls each, of the 50 that the free plan allows in a request.
 */
const LOOKED_INTO = 10;

/**
 * The Worker's side of backups and restores. Every method throws `RegistryUnavailable` when an object does not
 * answer; each restore can be repeated.
 */
export class Backups {
  readonly #bindings: RegistryBindings;
  readonly #registry: Registry;

  constructor(bindings: RegistryBindings, registry: Registry) {
    this.#bindings = bindings;
    this.#registry = registry;
  }

  /** What no list tells: the tokens' digests, and all facts of the waiting certificates. */
  directory(): Promise<DirectoryBackup> {
    return this.#directory.ask((directory) => directory.backup());
  }

  restoreDirectory(by: Actor, request: DirectoryRestoreRequest): Promise<DirectoryRestored> {
    return this.#directory.ask((directory) => directory.restore(by, request));
  }

  restoreDirectoryAudit(entries: AuditRecord[]): Promise<AuditRestored> {
    return this.#directory.ask((directory) => directory.restoreAudit(entries));
  }

  restoreUserAudit(user: UserId, entries: AuditRecord[]): Promise<Result<AuditRestored, RegistryError>> {
    return this.#registry.ofUser(user, async (registry) =>
      ok(await registry.ask((stub) => stub.restoreAudit(entries))),
    );
  }

  /**
   * Restores devices of a user: asks the registry which fingerprints are needed, claims them, and writes, in the
   * order of an enrolment. The claim begins a new generation of the user, which opens the registry of one who was
   * deleted. If interrupted at any point, it can be repeated, and what it leaves behind lets nobody in.
   */
  restoreUser(by: Actor, user: UserId, request: RestoreRequest): Promise<Result<Restored, RegistryError>> {
    const lookedInto = new Set<Fingerprint>();
    return this.#registry.ofUser(user, (registry) =>
      onceMore(async () => {
        const wanted = await registry.ask((stub) => stub.wantedByRestore(request, by.at));
        const claims = await this.#directory.ask((directory) => directory.claimAll(wanted, user));
        if (!claims.ok) return err(claims.error);
        const { claimedAt, generation, taken } = claims.value;
        const granted = new Set(wanted);
        for (const fingerprint of taken) granted.delete(fingerprint);
        for (const fingerprint of taken) {
          if (lookedInto.has(fingerprint) || lookedInto.size === LOOKED_INTO) continue;
          lookedInto.add(fingerprint);
          const claim = await this.#registry.claim(by, fingerprint, user);
          if (claim.ok) granted.add(fingerprint);
        }
        return registry.ask((stub) => stub.restore(by, request, [...granted], claimedAt, generation));
      }),
    );
  }

  get #directory() {
    return directoryOf(this.#bindings);
  }
}
