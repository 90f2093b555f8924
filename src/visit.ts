// A request, and what is known of it before anything is decided.
import { type Certificate, readCertificate, type VerifiedCertificate } from "./domain/request/certificate.ts";

/** Stands for a URL that cannot be parsed, whose host is no app's. */
const NO_URL = "https://invalid/";

/** The part of the runtime's context that a visit needs, in our own words: scripts read this file without its types. */
export interface Background {
  /** Lets the work go on after the answer. */
  waitUntil(work: Promise<unknown>): void;
}

/** From the entry to the answer. What costs something is computed when it is first asked for. */
export class Visit {
  readonly request: Request;
  /** `request.url`, read once: the runtime makes a new string of it each time. */
  readonly address: string;
  /** As `hostnameOf` returns it. */
  readonly hostname: string;
  /** `request.cf`, which is unknown input. */
  readonly cf: Record<string, unknown>;
  readonly ctx: Background;
  #url: URL | undefined;
  #certificate: Certificate | undefined;

  constructor(
    request: Request,
    hostname: string,
    cf: Record<string, unknown>,
    ctx: Background,
    address = request.url,
  ) {
    this.request = request;
    this.address = address;
    this.hostname = hostname;
    this.cf = cf;
    this.ctx = ctx;
  }

  get method(): string {
    return this.request.method;
  }

  /** The path as it came in, for the log and the answer. */
  get pathname(): string {
    const url = this.address;
    const begin = url.indexOf("/", "https://".length);
    const end = url.slice(begin).search(/[?#]/);
    return begin === -1 ? "/" : url.slice(begin, end === -1 ? undefined : begin + end);
  }

  /** Most requests are decided without it. */
  get url(): URL {
    this.#url ??= URL.parse(this.address) ?? new URL(NO_URL);
    return this.#url;
  }

  get certificate(): Certificate {
    this.#certificate ??= readCertificate(this.cf.tlsClientAuth);
    return this.#certificate;
  }

  /** The country as Cloudflare reports it: an ISO code, `T1` (Tor), `XX` (unknown), or `null`. */
  get country(): string | null {
    const { country } = this.cf;
    return typeof country === "string" ? country : null;
  }

  /** Where the client seems to be, as Cloudflare reports it. */
  get timeZone(): string | null {
    const { timezone } = this.cf;
    return typeof timezone === "string" ? timezone : null;
  }

  get ip(): string | null {
    return this.request.headers.get("cf-connecting-ip");
  }

  get userAgent(): string | null {
    return this.request.headers.get("user-agent");
  }

  /** Who makes a change, for the audit log: `actor` at the time `at`, from here. */
  by(actor: string, at: number): { actor: string; ip: string | null; country: string | null; at: number } {
    return { actor, ip: this.ip, country: this.country, at };
  }
}

export type VerifiedVisit = Visit & { readonly certificate: VerifiedCertificate };

/** Whether Cloudflare verified the certificate. Whether it is within its dates is for the decision to say. */
export function isVerified(visit: Visit): visit is VerifiedVisit {
  return visit.certificate.kind === "verified";
}
