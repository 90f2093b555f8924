import type { IRequest } from "itty-router";
import type { Context } from "../api/handler.ts";
import type { Authenticator } from "../auth/authenticate.ts";
import type { InvitationCodes } from "../auth/invitation-codes.ts";
import type { Certificate } from "../domain/certificate.ts";
import type { DeviceStatus } from "../domain/device.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import type { UserId } from "../domain/user.ts";
import type { Actor } from "../registry/storage/audit-log.ts";
import type { Html } from "./html/html.ts";

/** What every page is given besides the request. */
export interface PageContext extends Context {
  /** Milliseconds since the epoch. */
  now: number;
  revocationDelayMs: number;
  /** Where the reader seems to be, for times of day. */
  timeZone: string;
  /** The form that was sent. */
  form: URLSearchParams;
}

/** A page, or an answer of another kind. */
export type PageHandler = (request: IRequest, context: PageContext) => Promise<Html | Response>;

/** What the gate knows about a visitor's certificate: what the registry says, from the gate's own memory. */
export type KnownAs =
  | { kind: "device"; user: UserId; name: string; status: DeviceStatus }
  /** Enrolled nowhere. */
  | { kind: "unknown" }
  /** The registry could not be asked. */
  | { kind: "unavailable" };

/** What a page's request comes with. */
export interface PageRequest {
  request: Request;
  url: URL;
  hostname: string;
  timeZone: string | null;
  certificate: Certificate;
  /**
   * Asks the gate about the certificate, which may cost a question to the registry: `unavailable` if there is
   * no certificate that is verified and within its dates.
   */
  knownAs: () => Promise<KnownAs>;
  by: Actor;
}

export interface PageServices
  extends Pick<
    Context,
    "registry" | "directory" | "secrets" | "invitations" | "backups" | "apps" | "blocked"
  > {
  authenticator: Authenticator;
  codes: InvitationCodes;
  revocationDelayMs: number;
  /** Makes the gate forget what it knows of a certificate that has just been enrolled. */
  forget(fingerprint: Fingerprint): void;
  log: (line: Record<string, unknown>) => void;
}
