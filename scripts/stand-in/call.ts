// One call of the stand-in's API, and its answer.
import type { CloudflareState, Permission, Zone } from "./state.ts";

/** One call of the API, as a handler sees it. */
export interface Call {
  state: CloudflareState;
  /** The parts of the path that are named in the pattern. */
  params: Record<string, string>;
  query: URLSearchParams;
  /** The parsed JSON, or the text where it is none. */
  body: unknown;
}

/** A good answer: what goes into the envelope. */
export interface Reply {
  status?: number;
  result: unknown;
  result_info?: Record<string, unknown>;
  /** Instead of the envelope: the GraphQL API has one of its own. */
  raw?: unknown;
}

/** An error answer: the envelope with `success: false`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Endpoint {
  method: string;
  /** `/zones/:zone/workers/routes` */
  pattern: string;
  /** Any one of these suffices; none is needed when the list is empty. */
  permissions: readonly Permission[];
  /** The code for a missing permission: 10000, or 9109 from some services. */
  forbidden: keyof typeof FORBIDDEN;
  handle(call: Call): Reply | Promise<Reply>;
}

/** The message of the two codes for a token that may not do something. */
export const FORBIDDEN = {
  10000: "Authentication error",
  9109: "Unauthorized to access requested resource",
} as const;

export function endpoint(
  method: string,
  pattern: string,
  permissions: Permission | readonly Permission[],
  handle: Endpoint["handle"],
  forbidden: keyof typeof FORBIDDEN = 10000,
): Endpoint {
  return { method, pattern, permissions: [permissions].flat(), forbidden, handle };
}

export function zoneOf({ state, params }: Call): Zone {
  const zone = state.zones.find(({ id }) => id === params.zone);
  // What the real one answers for a zone that the token does not reach.
  if (zone === undefined) throw new ApiError(403, 9109, FORBIDDEN[9109]);
  return zone;
}

export function fieldsOf({ body }: Call): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError(400, 1000, "The request body is not a JSON object");
  }
  return body as Record<string, unknown>;
}

export function textOf(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw new ApiError(400, 1000, `${name} is required`);
  return value;
}

/** One page by `page` and `per_page`, or by `limit` and `offset`, with the `result_info` of a v4 list. */
export function pageOf<T>(all: readonly T[], query: URLSearchParams, most: number): Reply {
  const number = (name: string, otherwise: number) => {
    const text = query.get(name);
    if (text === null) return otherwise;
    if (!/^\d+$/.test(text)) throw new ApiError(400, 1000, `${name} must be a number`);
    return Number(text);
  };
  const size = Math.min(number("limit", number("per_page", Math.min(20, most))), most);
  const page = Math.max(1, number("page", 1));
  const start = query.has("offset") ? number("offset", 0) : (page - 1) * size;
  const result = all.slice(start, start + size);
  return {
    result,
    result_info: {
      page: Math.floor(start / Math.max(1, size)) + 1,
      per_page: size,
      count: result.length,
      total_count: all.length,
      total_pages: Math.ceil(all.length / Math.max(1, size)),
    },
  };
}
