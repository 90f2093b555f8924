// A site of somebody else's, on this machine, with TLS.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Edge } from "../../../scripts/edge/edge.ts";

export interface OtherSite {
  /** `https://evil.localhost:8444`: any local host leads here. */
  url(host: string): string;
  /** Documents by path, `/` at the beginning. */
  pages: Map<string, string>;
  stop(): Promise<void>;
}

export async function startOtherSite({ paths }: Edge): Promise<OtherSite> {
  const pages = new Map<string, string>();
  // The edge's own certificate is good for any name below `localhost`.
  const tls = { cert: readFileSync(paths.server), key: readFileSync(paths.serverKey) };
  const server = createServer(tls, (request, response) => {
    const page = pages.get(request.url ?? "");
    response.writeHead(page === undefined ? 404 : 200, { "content-type": "text/html" });
    response.end(`<!doctype html><title>other site</title>${page ?? ""}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (host) => `https://${host}:${port}`,
    pages,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A form that sends itself. */
export function selfSendingForm(action: string, fields: Record<string, string> = {}): string {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  return `<form method="post" action="${action}">${inputs.join("")}</form><script>document.forms[0].submit()</script>`;
}
