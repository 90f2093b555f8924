import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../../scripts/certificates/authority.ts";
import { listen, type TlsServer } from "../../../scripts/edge/tls/server.ts";

const authority = await issueSelfSignedCertificate("localhost");
let server: TlsServer;
afterEach(() => server.close());

it("cuts off clients that take too long over the handshake or the headers, but no slow body", async () => {
  server = await listen(authority, authority, 0, { handshake: 300, headers: 300 });
  server.https.on("request", (request, response) => {
    void text(request).then((body) => response.end(body));
  });
  const open = () => connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false });

  const uploading = open();
  uploading.write(
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\nConnection: close\r\n\r\nfirst",
  );
  // The times of the others count from when the upload had begun.
  await once(server.https, "request");

  const noHandshake = connectTcp(server.port, "127.0.0.1");
  const silent = open();
  const slow = open();
  slow.write("GET / HTTP/1.1\r\n");
  const dribble = setInterval(() => slow.write("X-More: 1\r\n"), 20);
  const [, ...ends] = await Promise.all([text(noHandshake), text(silent), text(slow)]);
  clearInterval(dribble);
  for (const end of ends) expect(end).toMatch(/^HTTP\/1\.1 408 /);

  uploading.write("end");
  expect(await text(uploading)).toMatch(/\r\n\r\nfirstend$/);
});

it("gives a minute for each, and no limit for a body", async () => {
  server = await listen(authority, authority, 0);
  const { headersTimeout, requestTimeout } = server.https;
  expect({ headersTimeout, requestTimeout }).toEqual({ headersTimeout: 60_000, requestTimeout: 0 });
});
