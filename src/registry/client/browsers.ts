// The Worker's side of browsers that sign in: whose key it is, and what that user's registry says of it.
import {
  BROWSER_MS,
  type BrowserError,
  type BrowserProspect,
  type BrowserUse,
  type Opener,
  SHORT_BROWSER_MS,
} from "../../domain/browser.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import { NO_LIMITS } from "../../domain/limits.ts";
import { type DeviceRecord, NO_DETAILS, type RegistryError } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import type { Actor } from "../storage/audit-log.ts";
import { directoryOf, type RegistryBindings, userRegistryOf } from "./objects.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Every method throws `RegistryUnavailable` when an object does not answer. */
export class Browsers {
  readonly #bindings: RegistryBindings;
  readonly #registry: RegistryClient;

  constructor(bindings: RegistryBindings, registry: RegistryClient) {
    this.#bindings = bindings;
    this.#registry = registry;
  }

  /** What a browser would be if this user signed in with it; `key`: that of the secret that it has, if any. */
  async prospect(
    user: UserId,
    key: CredentialKey | undefined,
    authTime: number | null,
    now: number,
  ): Promise<BrowserProspect> {
    // A browser that somebody else signed in with becomes another device.
    const owner =
      key === undefined ? null : await directoryOf(this.#bindings).ask((directory) => directory.owner(key));
    const own = key !== undefined && owner === user ? key : null;
    return userRegistryOf(this.#bindings, user).ask((user) => user.prospect(own, authTime, now));
  }

  /**
   * Lets a browser in as a device of this user: on one more app if it is one already, else by an enrolment.
   * `isShort`: it ends after an hour. `former`: the key of the device whose place it takes. If interrupted, its ticket
   * is used up, and the person signs in again.
   */
  async open(
    by: Actor,
    user: UserId,
    browser: { key: CredentialKey; name: string; isShort: boolean; former: CredentialKey | null },
    use: BrowserUse,
  ): Promise<Result<DeviceRecord, BrowserError | RegistryError>> {
    const registry = await this.#registry.ofUser(user);
    if (!registry.ok) return registry;
    const { key, name, isShort, former } = browser;
    const opened = await registry.value.askOnce((user) => user.openBrowser(by, key, use));
    if (!opened.ok) return err(opened.error);
    if (opened.value !== null) return ok(opened.value);
    // So that the list does not grow with every computer that was used once, nor with every sign-in.
    await this.#forgetEnded({ ...by, actor: "gate" }, user, former).catch(() => undefined);
    const notAfter = by.at + (isShort ? SHORT_BROWSER_MS : BROWSER_MS);
    const limits = { ...NO_LIMITS, kind: "browser" as const, apps: [use.app] };
    const enrolled = await this.#registry.enrol(by, user, {
      ...{ name, note: null, key, status: "active", opener: use.opener },
      limits: { ...limits, expiresAt: isShort ? notAfter : null },
      details: { ...NO_DETAILS, notBefore: by.at, notAfter },
    });
    return enrolled.ok ? ok(enrolled.value.device) : enrolled;
  }

  /** Signs out what a person opened; with `opener.session`, only in that session of the provider. */
  end(by: Actor, user: UserId, opener: Opener): Promise<number> {
    return userRegistryOf(this.#bindings, user).ask((user) => user.endBrowsers(by, opener));
  }

  /** Signs out one browser. */
  endOne(by: Actor, user: UserId, key: CredentialKey): Promise<boolean> {
    return userRegistryOf(this.#bindings, user).ask((user) => user.endBrowser(by, key));
  }

  async #forgetEnded(by: Actor, user: UserId, former: CredentialKey | null): Promise<void> {
    const { ask, askOnce } = directoryOf(this.#bindings);
    const asOf = await ask((directory) => directory.asOf(user));
    if (asOf === null) return;
    const registry = userRegistryOf(this.#bindings, user);
    const keys = await registry.askOnce((user) => user.forgetEndedBrowsers(by, asOf, former));
    if (keys.length > 0) await askOnce((directory) => directory.release(keys, user, asOf));
  }
}
