import { Agent, request as send } from "undici";
import type { Method } from "../../src/contract/operation.ts";
import { errorCode, type Failure, failed } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { isLocalhostName } from "./address.ts";
import type { Connection } from "./connection.ts";

/** No page of the API comes near this size: a longer answer is not the API's. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export interface Answer {
  status: number;
  header(name: string): string;
  text: string;
}

export interface Transport {
  send(method: Method, path: string, body?: unknown): Promise<Answer>;
}

/** Sends requests over one kept-alive connection. Redirects are not followed: the token goes nowhere else. */
export function createTransport(connection: Connection): Transport {
  const { origin, token, ca, timeoutMs } = connection;
  const { hostname } = new URL(origin);
  const agent = new Agent({
    connect: {
      timeout: timeoutMs,
      ...(ca === undefined ? {} : { ca }),
      // Some systems resolve only `localhost`, and no names below it.
      ...(hostname !== "localhost" && isLocalhostName(hostname) ? { lookup: lookUpLoopback } : {}),
    },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: MAX_ANSWER_BYTES,
  });
  return {
    async send(method, path, body) {
      try {
        const response = await send(`${origin}${path}`, {
          method,
          dispatcher: agent,
          signal: AbortSignal.timeout(timeoutMs),
          headers: {
            authorization: `Bearer ${token}`,
            accept: "application/json, application/problem+json",
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.body.text();
        const header = (name: string) => {
          const value = response.headers[name];
          return (Array.isArray(value) ? value[0] : value) ?? "";
        };
        return { status: response.statusCode, header, text };
      } catch (error) {
        throw networkFailure(error, connection, method);
      }
    },
  };
}

type Lookup = NonNullable<import("node:net").TcpNetConnectOpts["lookup"]>;

const lookUpLoopback: Lookup = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

/** What stopped a request on its way, by the code of the error. */
function networkFailure(error: unknown, connection: Connection, method: Method): Failure | unknown {
  const { origin, ca } = connection;
  const { hostname } = new URL(origin);
  const host = printable(hostname);
  const code = errorCode(error);
  const timedOut = error instanceof Error && error.name === "TimeoutError";
  const unsure =
    method === "GET" ? "" : "; it is not known whether the change was made, repeating it does no harm";
  switch (timedOut ? "TIMEOUT" : code) {
    case "ECONNREFUSED":
      return failed(
        `nothing listens at ${origin}`,
        "check the host and the port; for the local edge, start it with npm start",
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return failed(
        `the name ${host} does not resolve`,
        "check the spelling of --url and the network of this machine",
      );
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ENETDOWN":
      return failed(`there is no way to ${host} from here`, "check the network of this machine");
    case "TIMEOUT":
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return failed(
        `${host} did not answer within ${connection.timeoutMs / 1000} s`,
        `check the network and try again, or wait longer with --timeout${unsure}`,
      );
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return failed(
        `${host} closed the connection before it answered`,
        `${origin.startsWith("http:") ? "check whether it wants https:// in --url, or try" : "try"} again in a moment${unsure}`,
      );
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return ca === undefined
        ? failed(
            `the certificate of ${host} is not signed by an authority that this machine trusts`,
            "for a server of your own give its authority with --ca FILE or LATCHKEY_CA (local edge: .latchkey/ca.pem)",
          )
        : failed(
            `the certificate of ${host} is not signed by the authority in the --ca file`,
            "check that the file is that server's authority; for a public server leave --ca and LATCHKEY_CA out",
          );
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return failed(
        `the certificate of ${host} is not valid at this time`,
        "renew the server's certificate, or set the clock of this machine",
      );
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return failed(`the certificate of ${host} is for other names`, "check the host in --url");
    case "UND_ERR_RES_EXCEEDED_MAX_SIZE":
      return failed(`the answer of ${host} is too large to be the API's`, "check the host in --url");
  }
  const isHttp = !(error instanceof Error && error.name === "HTTPParserError");
  if (!isHttp || code?.startsWith("ERR_SSL_") || code === "EPROTO") {
    return failed(
      `${origin} does not speak ${isHttp ? "TLS" : "HTTP"}`,
      "check the scheme and the port in --url",
    );
  }
  if (code?.startsWith("ERR_TLS_") || code?.includes("CERT")) {
    return failed(
      `no trusted connection to ${host} (${printable(code)})`,
      "check the server's certificate, and --ca if you gave it",
    );
  }
  return code === undefined
    ? error
    : failed(`no answer from ${host} (${printable(code)})`, `try again${unsure}`);
}
