import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAnswer } from "../../../scripts/client/answer.ts";
import { failure } from "./run.ts";
import { runHere } from "./run-here.ts";

const TOKEN = "a-token-that-must-never-be-shown-0123456789";
const HTML = { "content-type": "text/html; charset=UTF-8" };
const CLOUDFLARE = { ...HTML, server: "cloudflare", "cf-ray": "8f2a-FRA" };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const answer =
  (status: number, headers: Record<string, string>, body = ""): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

/** The hosts here are all of the local edge's kind. */
const LOCAL_HINT =
  "look at the terminal of npm start: its lines name the setting that is wrong; and at the host: it prints the right LATCHKEY_URL";

/** Answers that only Cloudflare, or a stranger's server, gives: by the first label of the host's name. */
const CASES: Record<string, { about: string; answer: Answer; cause: string; hint: string }> = {
  waf: {
    about: "a WAF rule",
    answer: answer(403, CLOUDFLARE, "<h1>Sorry, you have been blocked</h1>"),
    cause: "a firewall answered 403 before the gate saw the request (ray 8f2a-FRA)",
    hint: "let the path /.latchkey/ through in the zone's WAF and Access rules, see Security > Events",
  },
  challenge: {
    about: "a managed challenge",
    answer: answer(403, { ...CLOUDFLARE, "cf-mitigated": "challenge" }, "<title>Just a moment...</title>"),
    cause: "Cloudflare answered 403 with a challenge for browsers (ray 8f2a-FRA)",
    hint: "except the path /.latchkey/ from bot protection and managed challenges, see Security > Events",
  },
  access: {
    about: "Cloudflare Access",
    answer: answer(302, { location: "https://team.cloudflareaccess.com/cdn-cgi/access/login/x?kid=1" }),
    cause: "Cloudflare Access asks for a sign-in in front of ORIGIN",
    hint: "make an Access policy that bypasses the path /.latchkey/, see docs/cloudflare.md",
  },
  moved: {
    about: "a redirect, which is not followed",
    answer: answer(301, { location: "https://elsewhere.example/.latchkey/api/v1/users" }),
    cause: "ORIGIN redirects to https://elsewhere.example instead of answering",
    hint: "give the address of the gate itself in --url; redirects are not followed",
  },
  limit: {
    about: "the Worker over its daily limit",
    answer: answer(429, CLOUDFLARE, "error code: 1027"),
    cause: "the Worker is over its daily limit (Cloudflare error 1027) (ray 8f2a-FRA)",
    hint: "it answers again after 00:00 UTC; see docs/guide/cost.md",
  },
  threw: {
    about: "a Worker that threw",
    answer: answer(500, { ...CLOUDFLARE, "content-type": "text/plain" }, "error code: 1101"),
    cause: "Cloudflare answered 500 with error 1101 (ray 8f2a-FRA)",
    hint: "the Worker failed: look into its log with npx wrangler tail",
  },
  rate: {
    about: "a rate limit",
    answer: answer(429, HTML),
    cause: "ORIGIN answered 429: too many requests",
    hint: "wait a minute and try again",
  },
  gate: {
    about: "the gate's own answer to strangers",
    answer: answer(404, { "content-type": "text/plain" }, "Not Found"),
    cause: "the gate at ORIGIN answers 404 Not Found, as it does to strangers",
    hint: LOCAL_HINT,
  },
  soon: {
    about: "the gate's own answer on a host that it does not know, or on one of profile sync",
    answer: answer(503, { "content-type": "text/plain; charset=utf-8" }, "Service Unavailable"),
    cause: "the gate at ORIGIN answers 503 Service Unavailable, as it does to strangers",
    hint: LOCAL_HINT,
  },
  app: {
    about: "an app that no gate guards",
    answer: answer(200, HTML, "<h1>Vaultwarden</h1>"),
    cause: "ORIGIN answered 200 with text/html, and not as the API",
    hint: "check the host in --url, and that the Worker's route covers it",
  },
  json: {
    about: "another program's JSON",
    answer: answer(200, { "content-type": "application/json" }, '{"users":[{"login":"root"}]}'),
    cause: "ORIGIN answered GET /users with JSON that is not the API's: see users.0.id",
    hint: "update the latchkey command or deploy the Worker: their versions do not match",
  },
  list: {
    about: "JSON of another kind",
    answer: answer(200, { "content-type": "application/json" }, "null"),
    cause: "ORIGIN answered GET /users with JSON that is not the API's",
    hint: "update the latchkey command or deploy the Worker: their versions do not match",
  },
  created: {
    about: "a status that the operation does not have",
    answer: answer(201, { "content-type": "application/json" }, '{"users":[],"next":null}'),
    cause: "ORIGIN answered GET /users with JSON that is not the API's",
    hint: "update the latchkey command or deploy the Worker: their versions do not match",
  },
  broken: {
    about: "JSON that is none",
    answer: answer(200, { "content-type": "application/json" }, '{"users":'),
    cause: "ORIGIN answered 200 with application/json, and not as the API",
    hint: "check the host in --url, and that the Worker's route covers it",
  },
  endless: {
    about: "a list whose pages never end",
    answer: answer(200, { "content-type": "application/json" }, '{"users":[],"next":"x"}'),
    cause: "ORIGIN answered GET /users with JSON that is not the API's: see next",
    hint: "update the latchkey command or deploy the Worker: their versions do not match",
  },
  terminal: {
    about: "a problem that would paint the terminal",
    answer: answer(
      500,
      { "content-type": "application/problem+json" },
      JSON.stringify({ code: "internal-error", title: "Internal error", detail: "\x1b[31mowned\u202e" }),
    ),
    cause: "\\u{1b}[31mowned\\u{202e}",
    hint: "look into the Worker's log with: npx wrangler tail",
  },
  hangup: {
    about: "a connection that is closed without an answer",
    answer: (request) => void request.socket.destroy(),
    cause: "hangup.localhost closed the connection before it answered",
    hint: "check whether it wants https:// in --url, or try again in a moment",
  },
  silent: {
    about: "no answer at all",
    answer: () => undefined,
    cause: "silent.localhost did not answer within 0.5 s",
    hint: "check the network and try again, or wait longer with --timeout",
  },
};

describe("an answer that is not the API's has its own error:", () => {
  let server: Server;
  let port: number;
  const requests: IncomingMessage[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      const name = request.headers.host?.split(".")[0] ?? "";
      CASES[name]?.answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const cases = Object.entries(CASES).map(
    ([name, { about, cause, hint }]) => [about, name, cause, hint] as const,
  );
  it.concurrent.each(cases)("%s", async (_, name, cause, hint) => {
    const origin = `http://${name}.localhost:${port}`;
    const timeout = name === "silent" ? ["--timeout", "0.5"] : [];
    const { code, stdout, stderr } = await runHere(["users", "--url", origin, ...timeout], {
      LATCHKEY_TOKEN: TOKEN,
    });
    expect({ code, stdout, stderr }).toEqual(failure(1, cause.replace("ORIGIN", origin), hint));
    expect(stderr).not.toContain(TOKEN);
  });

  it("a change that was cut off may have been made, and the hint says so", async () => {
    const words = ["users", "add", "alice", "--url", `http://hangup.localhost:${port}`];
    expect((await runHere(words, { LATCHKEY_TOKEN: TOKEN })).stderr).toContain(
      "it is not known whether the change was made, repeating it does no harm",
    );
  });
});

it.each([
  [404, "Not Found", "check that ADMIN_TOKEN is set on the Worker (32 characters or more)"],
  [503, "Service Unavailable", "check that the host is one of APPS"],
])("the answer of a deployed gate to strangers, %d, names what is set there", (status, text, hint) => {
  const header = (name: string) => (name === "content-type" ? "text/plain" : "");
  const read = () => readAnswer({ status, text, header }, "https://latchkey.example.com");
  expect(read).toThrow(
    expect.objectContaining({
      message: `the gate at https://latchkey.example.com answers ${status} ${text}, as it does to strangers`,
      hint: expect.stringContaining(hint),
    }),
  );
});

describe("a server that speaks something else:", () => {
  it("bytes that are not HTTP", async () => {
    const server = createTcpServer((socket) => socket.on("error", () => undefined).end("220 mail ready\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const result = await runHere(["users", "--url", origin], { LATCHKEY_TOKEN: TOKEN });
    server.close();
    expect(result).toEqual(
      failure(1, `${origin} does not speak HTTP`, "check the scheme and the port in --url"),
    );
  });
});
