import type { Credential } from "../../../scripts/certificates/authority.ts";
import type { Edge } from "../../../scripts/edge/edge.ts";
import { ENROL_PATH } from "../../../src/contract/paths.ts";
import { send } from "../edge/client.ts";

// What people do on the pages, as far as the command line shows or ends it.

/** A browser signs in with a token: a session begins. */
export async function signIn(edge: Edge, token: string, browser: string): Promise<void> {
  const fields = { token, next: "/.latchkey/devices" };
  await submit(edge, edge.apiHost, "/.latchkey/sign-in", fields, { "user-agent": browser });
}

/** An invited device enters its code, and agrees to become one of this user's. */
export async function redeem(
  edge: Edge,
  device: Credential,
  code: string,
  name: string,
  user: string,
): Promise<void> {
  await submit(edge, edge.appHost, ENROL_PATH, { code, name, user }, {}, device);
}

async function submit(
  edge: Edge,
  host: string,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string>,
  as?: Credential,
): Promise<void> {
  const { status, text } = await send(edge, path, {
    method: "POST",
    host,
    headers: {
      ...headers,
      "content-type": "application/x-www-form-urlencoded",
      origin: edge.url(host),
    },
    body: new URLSearchParams(fields).toString(),
    ...(as === undefined ? {} : { as }),
  });
  if (status !== 303) throw new Error(`POST ${path}: ${status} ${text}`);
}
