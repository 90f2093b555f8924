import { ApiError } from "./problem.ts";

/** Who sends a request: nobody who says so, or somebody whose token is right. */
export type Authentication = { kind: "anonymous" } | { kind: "actor"; actor: string };

const BEARER = /^bearer +(.*)$/i;

/**
 * Reads `Authorization: Bearer ADMIN_TOKEN`. Other schemes are the app's own affair and count as
 * no credentials. Throws `wrong-credentials` for a token that is not the right one.
 */
export async function authenticate(request: Request, adminToken: string): Promise<Authentication> {
  const token = BEARER.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token === undefined) return { kind: "anonymous" };
  if (await sameText(token.trim(), adminToken)) return { kind: "actor", actor: "admin" };
  throw new ApiError("wrong-credentials", "this token is not the Worker's ADMIN_TOKEN", {
    headers: { "WWW-Authenticate": 'Bearer realm="latchkey", error="invalid_token"' },
  });
}

/** Compares digests in constant time: neither the length nor a common beginning can be measured. */
async function sameText(left: string, right: string): Promise<boolean> {
  const [a, b] = await Promise.all([digest(left), digest(right)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
