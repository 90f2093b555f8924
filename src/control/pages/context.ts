import type { IRequest } from "itty-router";
import type { Certificate } from "../../certificate.ts";
import type { Actor } from "../../registry/audit-log.ts";
import type { Authenticator } from "../authenticate.ts";
import type { Context } from "../handlers/shared.ts";
import type { Html } from "./html.ts";

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

/** What a page's request comes with. */
export interface PageRequest {
  request: Request;
  url: URL;
  hostname: string;
  timeZone: string | null;
  certificate: Certificate;
  by: Actor;
}

export interface PageServices
  extends Pick<Context, "registry" | "credentials" | "invitations" | "backups" | "apps" | "blocked"> {
  authenticator: Authenticator;
  revocationDelayMs: number;
}
