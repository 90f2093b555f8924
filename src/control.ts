import { problemResponse, toApiError } from "./api/problem.ts";
import { route } from "./api/routes.ts";
import { Authenticator } from "./auth/authenticate.ts";
import { DeadSecrets } from "./auth/dead-secrets.ts";
import { InvitationCodes } from "./auth/invitation-codes.ts";
import { KeyedSecrets } from "./auth/keyed-secrets.ts";
import type { Certificate } from "./domain/certificate.ts";
import type { Fingerprint } from "./domain/fingerprint.ts";
import type { KnownAs, PageRequest, PageServices } from "./pages/context.ts";
import { Pages, pageOf } from "./pages/pages.ts";
import { Backups } from "./registry/client/backups.ts";
import { Invitations } from "./registry/client/invitations.ts";
import { directoryOf, type RegistryBindings } from "./registry/client/objects.ts";
import type { Actor } from "./registry/storage/audit-log.ts";

/** Paths under this one are Latchkey's own on every host, and never reach an app. */
export const CONTROL_PATH = "/.latchkey";

export function isControlPath(pathname: string): boolean {
  return pathname.startsWith(`${CONTROL_PATH}/`) || pathname === CONTROL_PATH;
}

/**
 * Whether a URL is worth parsing for its path: no URL that lacks this name has a control path, since
 * the parser resolves dots and slashes, and no letters.
 */
export function mayBeControlPath(url: string): boolean {
  return url.includes("latchkey", "https://".length);
}

/**
 * What browsers remember of the `ADMIN_HOST` (RFC 6797), for a year: its owner may type the host alone, and whoever is
 * in between must not get a token by answering without TLS.
 */
const TLS_ALWAYS = "max-age=31536000";

/** Why a control path was refused as if nothing were there. */
export type ControlRefusal =
  | "api-off"
  | "not-the-admin-host"
  /** Pages for people need an `ADMIN_HOST`. */
  | "no-admin-host"
  | "no-credentials";

export interface ControlRequest {
  request: Request;
  url: URL;
  hostname: string;
  country: string | null;
  /** `request.cf.timezone`: where the client seems to be. */
  timeZone: string | null;
  certificate: Certificate;
  /** See `PageRequest`. */
  knownAs: () => Promise<KnownAs>;
}

export interface ControlSettings
  extends Pick<PageServices, "apps" | "revocationDelayMs" | "registry" | "forget"> {
  adminHost: string | null;
  adminToken: string | null;
  blocked: ReadonlySet<Fingerprint>;
  bindings: RegistryBindings;
  now: () => number;
  log: (line: Record<string, unknown>) => void;
  /** Lets what a request has begun go on after its answer. */
  waitUntil: (work: Promise<unknown>) => void;
}

/** Answers control paths: the API to whoever has a token, the pages to people. One lives as long as its isolate. */
export class Control {
  readonly #settings: ControlSettings;
  /** `undefined`: without an `ADMIN_TOKEN`, all of it is off. */
  readonly #services: PageServices | undefined;
  readonly #pages: Pages | undefined;

  constructor(settings: ControlSettings) {
    this.#settings = settings;
    const { adminToken, apps, blocked, bindings, registry, revocationDelayMs, forget } = settings;
    const { now, log, waitUntil } = settings;
    if (adminToken === null) return;
    const directory = directoryOf(bindings);
    const secrets = new KeyedSecrets(
      () => directory.ask((directory) => directory.credentialCheck()),
      now,
      waitUntil,
    );
    const dead = new DeadSecrets(now, waitUntil);
    const authenticator = new Authenticator(adminToken, directory, secrets, dead, now);
    const invitations = new Invitations(bindings, registry);
    const codes = new InvitationCodes(secrets, dead, invitations);
    const backups = new Backups(bindings, registry);
    this.#services = {
      ...{ registry, directory, secrets, invitations, codes, backups, authenticator, apps, blocked },
      ...{ revocationDelayMs, forget, log },
    };
    this.#pages = new Pages(this.#services);
  }

  /**
   * Returns a `ControlRefusal` where the answer must be the same as any other refusal, so that a stranger
   * cannot tell that there is an API. Never throws.
   */
  async handle(asked: ControlRequest): Promise<Response | ControlRefusal> {
    const { adminHost } = this.#settings;
    if (this.#services === undefined || this.#pages === undefined) return "api-off";
    const page = pageOf(asked.url.pathname);
    // A device is asked for its certificate only on the apps' hosts, so the page that enrols it is there.
    if (page === "for-devices") return this.#page(asked, this.#pages);
    if (adminHost !== null && asked.hostname !== adminHost) return "not-the-admin-host";
    if (page === undefined) {
      const answer = await this.#api(asked, this.#services);
      if (answer !== "no-credentials" || adminHost === null) return answer;
      return (await this.#pages.notFound(pageRequest(asked, this.#settings.now()))) ?? answer;
    }
    // An app, or its service worker, can read every page on its own host, and what is typed there.
    return adminHost === null ? "no-admin-host" : this.#page(asked, this.#pages);
  }

  async #page(asked: ControlRequest, pages: Pages): Promise<Response> {
    const { adminHost, now } = this.#settings;
    const isAdminHost = asked.hostname === adminHost;
    const response = await pages.handle(pageRequest(asked, now()));
    // An app decides that for its own host.
    if (isAdminHost) response.headers.set("Strict-Transport-Security", TLS_ALWAYS);
    return response;
  }

  async #api(asked: ControlRequest, services: PageServices): Promise<Response | ControlRefusal> {
    const { request, url, hostname, country } = asked;
    const { now, log } = this.#settings;
    try {
      const principal = await services.authenticator.ofBearer(request);
      if (principal === undefined) return "no-credentials";
      return await route(request, {
        ...services,
        principal,
        by: actorOf(asked, principal.actor, now()),
        url,
      });
    } catch (error) {
      const problem = toApiError(error, log);
      if (problem.code === "wrong-credentials") log({ event: "wrong-credentials", app: hostname, country });
      return problemResponse(problem);
    }
  }
}

function pageRequest(asked: ControlRequest, now: number): PageRequest {
  return { ...asked, by: actorOf(asked, "anonymous", now) };
}

function actorOf({ request, country }: ControlRequest, actor: string, at: number): Actor {
  return { actor, ip: request.headers.get("cf-connecting-ip"), country, at };
}
