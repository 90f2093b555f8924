// No I/O. No clock.

/** Stands for a URL that cannot be parsed, whose host is no app's. */
const NO_URL = "https://invalid/";

/** What of the runtime's context a visit needs. Our own words: scripts read these files without its types. */
export interface Background {
  /** Lets the work go on after the answer. */
  waitUntil(work: Promise<unknown>): void;
}

/** A request, and what is known of it before anything is decided. */
export class Visit {
  readonly request: Request;
  /** `request.url`, read once: the runtime makes a new text of it each time. */
  readonly address: string;
  /** As `hostnameOf` gives it. */
  readonly hostname: string;
  /** `request.cf`, which is unknown input. */
  readonly cf: Record<string, unknown>;
  readonly ctx: Background;
  #url: URL | undefined;

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

  /** Parsed when it is first asked for: most requests are decided without. */
  get url(): URL {
    this.#url ??= URL.parse(this.address) ?? new URL(NO_URL);
    return this.#url;
  }

  /** The country as Cloudflare reports it: an ISO code, `T1` (Tor), `XX` (not known), or nothing. */
  get country(): string | undefined {
    const { country } = this.cf;
    return typeof country === "string" ? country : undefined;
  }
}
