// A gate that answers as a release did when it was recorded: reads only, each with its last recorded answer.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { API_PATH } from "../../../src/contract/paths.ts";
import type { ApiCall } from "../../src/releases/recording.ts";

/** What every release answers to a path that it does not know. */
const PROBLEM = { "content-type": "application/problem+json" };
const NOT_FOUND = JSON.stringify({
  ...{ type: "urn:latchkey:problem:not-found", title: "There is nothing here", status: 404 },
  ...{ detail: "see which paths there are: GET /openapi.json", code: "not-found" },
});

export interface RecordedGate {
  environment: Record<string, string>;
  stop(): void;
}

/** `folder` holds the release's `api.json`. */
export async function startRecordedGate(folder: string): Promise<RecordedGate> {
  const calls: ApiCall[] = JSON.parse(readFileSync(join(folder, "api.json"), "utf8"));
  const pathOf = (path: string) => path.replace(/\?.*/, "");
  const answers = new Map(
    calls.filter(({ method }) => method === "GET").map(({ path, answer }) => [pathOf(path), answer]),
  );
  const server = createServer((request, response) => {
    const path = pathOf(request.url ?? "").slice(API_PATH.length);
    const answer = request.method === "GET" ? (answers.get(path) ?? deviceIn(answers, path)) : undefined;
    if (answer === undefined) response.writeHead(404, PROBLEM).end(NOT_FOUND);
    else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    environment: {
      LATCHKEY_URL: `http://localhost:${(server.address() as AddressInfo).port}`,
      LATCHKEY_TOKEN: "no-token-is-checked-by-a-recorded-gate",
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** `/users/alice/devices/ID`, out of the list of alice's devices. */
function deviceIn(answers: ReadonlyMap<string, unknown>, path: string): unknown {
  const [, list = "", wanted] = /^(.+\/devices)\/([^/]+)$/.exec(path) ?? [];
  return (answers.get(list) as { devices: { id: string }[] } | undefined)?.devices.find(
    ({ id }) => id === wanted,
  );
}
