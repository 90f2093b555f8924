import type { Credential } from "../../../scripts/edge/certificates.ts";
import type { Edge } from "../../../scripts/edge/edge.ts";
import { ENROL_PATH } from "../../../src/control/contract.ts";
import { send } from "../edge/client.ts";

// What people do on the pages, as far as the command line shows or ends it.

/** A browser signs in with a token: a session begins. */
export async function signIn(edge: Edge, token: string, browser: string): Promise<void> {
  await submit(edge, "/.latchkey/sign-in", { token, next: "/.latchkey/devices" }, { "user-agent": browser });
}

/** An invited device enters its code. */
export async function redeem(edge: Edge, device: Credential, code: string, name: string): Promise<void> {
  await submit(edge, ENROL_PATH, { code, name }, {}, device);
}

async function submit(
  edge: Edge,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string>,
  as?: Credential,
): Promise<void> {
  const { status, text } = await send(edge, path, {
    method: "POST",
    headers: {
      ...headers,
      "content-type": "application/x-www-form-urlencoded",
      origin: edge.url("app.localhost"),
    },
    body: new URLSearchParams(fields).toString(),
    ...(as === undefined ? {} : { as }),
  });
  if (status !== 303) throw new Error(`POST ${path}: ${status} ${text}`);
}
