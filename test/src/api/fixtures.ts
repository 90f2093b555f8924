import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { PROBLEMS, type Problem, type ProblemCode } from "../../../src/contract/problems.ts";
import worker from "../../../src/index.ts";

// Made once with `openssl ca` on P-256 keys that were thrown away.

/** O=Household, CN=alice-phone; valid from 2026 to 2126. */
export const DEVICE_PEM = `-----BEGIN CERTIFICATE-----
MIIBSDCB7gIKChssPU5fYHGCkzAKBggqhkjOPQQDAjArMRIwEAYDVQQKDAlIb3Vz
ZWhvbGQxFTATBgNVBAMMDEhvdXNlaG9sZCBDQTAgFw0yNjAxMDEwMDAwMDBaGA8y
MTI2MDEwMTAwMDAwMFowKjESMBAGA1UECgwJSG91c2Vob2xkMRQwEgYDVQQDDAth
bGljZS1waG9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNRIw4W3V/QbhIyP
ymX1bTFBoIf5SYXLxQwHmqNmnFzlD8XglOlNLYJ88PHJBIk2sCQhoMKoigzli/w3
yZXFbcYwCgYIKoZIzj0EAwIDSQAwRgIhAKUG70qrk8qESMZADSxsoz6VYekUgX62
HjadpoaPK3/UAiEAkxupfTehK2qfu+HO4I/iEbXedFyhlLDood2M+zlHM3s=
-----END CERTIFICATE-----
`;

/** What `openssl x509 -fingerprint -sha256` and `-serial` say of it. */
export const DEVICE_FINGERPRINT = "4845bcdf36bb5d86713779c13f915d29d650fe342e2dc1e8b7d72e6790f77b4d";
export const DEVICE_SERIAL = "0A1B2C3D4E5F60718293";

/** The same subject; valid from 5 January 2020 to 1 January 2021. */
export const EXPIRED_PEM = `-----BEGIN CERTIFICATE-----
MIIBPTCB4wIBAjAKBggqhkjOPQQDAjArMRIwEAYDVQQKDAlIb3VzZWhvbGQxFTAT
BgNVBAMMDEhvdXNlaG9sZCBDQTAeFw0yMDAxMDUwMDAwMDBaFw0yMTAxMDEwMDAw
MDBaMCoxEjAQBgNVBAoMCUhvdXNlaG9sZDEUMBIGA1UEAwwLYWxpY2UtcGhvbmUw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATUSMOFt1f0G4SMj8pl9W0xQaCH+UmF
y8UMB5qjZpxc5Q/F4JTpTS2CfPDxyQSJNrAkIaDCqIoM5Yv8N8mVxW3GMAoGCCqG
SM49BAMCA0kAMEYCIQDd6xkSFaSQDaNm5cqr6cwTWdhDjeDdKat531Ds+WZqOgIh
AOY8mnWvroNzJuzwhPiG5e2NfhuMrAfBbm/gN7v9sDTg
-----END CERTIFICATE-----
`;

/** Self-signed; its subject is `CN=zoë <escape>[31m, x=1`, which would colour a terminal. */
export const ODD_PEM = `-----BEGIN CERTIFICATE-----
MIIBeTCCAR6gAwIBAgIBAzAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA96b8OrIBtb
MzFtLCB4PTEwIBcNMjYxMTI0MDI1NTM2WhgPMjEyNjEwMzEwMjU1MzZaMBoxGDAW
BgNVBAMMD3pvw6sgG1szMW0sIHg9MTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BNRIw4W3V/QbhIyPymX1bTFBoIf5SYXLxQwHmqNmnFzlD8XglOlNLYJ88PHJBIk2
sCQhoMKoigzli/w3yZXFbcajUzBRMB0GA1UdDgQWBBQvqWl2oAbsk/KN0XK0tJF4
JHLt9zAfBgNVHSMEGDAWgBQvqWl2oAbsk/KN0XK0tJF4JHLt9zAPBgNVHRMBAf8E
BTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCXntCpzm22RpkNaxpemkW+Yalnmhs+
OqPGWQnuQbo9BgIhAKt9FOzLcdmI0QsKAgv+HB8s5ELVf1aPCIsCaWuhKvxr
-----END CERTIFICATE-----
`;

/** Self-signed; its subject and its issuer are empty. */
export const NAMELESS_PEM = `-----BEGIN CERTIFICATE-----
MIIBQjCB6qADAgECAgEEMAoGCCqGSM49BAMCMAAwIBcNMjYxMTI0MDI1NTM2WhgP
MjEyNjEwMzEwMjU1MzZaMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATUSMOF
t1f0G4SMj8pl9W0xQaCH+UmFy8UMB5qjZpxc5Q/F4JTpTS2CfPDxyQSJNrAkIaDC
qIoM5Yv8N8mVxW3Go1MwUTAdBgNVHQ4EFgQUL6lpdqAG7JPyjdFytLSReCRy7fcw
HwYDVR0jBBgwFoAUL6lpdqAG7JPyjdFytLSReCRy7fcwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNHADBEAiBQRZPihNXzIShnUiqu4pu7M4gGl1m0UvvXg+Rg
lBGBpgIgOcs4f+y4CjVvfKnvh3kLWHqVz/Cnf4doOZYwSBN18V0=
-----END CERTIFICATE-----
`;

/** The DER inside a PEM. */
export function der(pem: string): Uint8Array {
  return Uint8Array.from(atob(pem.replaceAll(/-----[^-]+-----|\s/g, "")), (character) =>
    character.charCodeAt(0),
  );
}

export function pem(bytes: Uint8Array, label = "CERTIFICATE"): string {
  return `-----BEGIN ${label}-----\n${btoa(String.fromCharCode(...bytes))}\n-----END ${label}-----\n`;
}

/** Asserts that an answer is the problem `code`, complete and well-formed; returns its body. */
export async function expectProblem(response: Response, code: ProblemCode): Promise<Problem> {
  const problem: Problem = await response.json();
  const { status, title } = PROBLEMS[code];
  expect(problem).toMatchObject({ code, status, title, type: `urn:latchkey:problem:${code}` });
  expect(problem.detail).toMatch(/./);
  expect(response.status).toBe(PROBLEMS[code].status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("cache-control")).toBe("no-store");
  return problem;
}

/** The Worker with another environment than that of wrangler.toml. */
export async function withEnv(changes: object, url: string, init: RequestInit = {}): Promise<Response> {
  const ctx = createExecutionContext();
  const request = new Request(url, init) as Parameters<typeof worker.fetch>[0];
  const response = await worker.fetch(request, { ...env, ...changes }, ctx);
  await waitOnExecutionContext(ctx);
  return response;
}

/** All of an answer that a client can see. */
export async function seen(response: Response) {
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    body: await response.text(),
  };
}
