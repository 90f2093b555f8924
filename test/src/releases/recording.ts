// What is kept of a release: see docs/architecture.md, "Releases".

/** A call of the API, with the `ADMIN_TOKEN` or another token. */
export interface ApiCall {
  /** Milliseconds since 1970. */
  at: number;
  method: string;
  path: string;
  token?: string;
  body?: unknown;
  status: number;
  /** The JSON; `null` without a body. */
  answer: unknown;
}

/** A call of the release's Worker to one of its objects. */
export interface RpcCall {
  at: number;
  object: string;
  method: string;
  args: unknown[];
  answer: unknown;
}
