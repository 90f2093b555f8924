// Runs in workerd: an identity provider that signs everybody in as whom they say they are. It remembers nothing: the
// code is the person.
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type Code, SIGN_IN } from "../sign-in.ts";

const { issuer, clientId } = SIGN_IN;
const ALGORITHM = "ES256";

let keys: ReturnType<typeof generateKeyPair> | undefined;

/** The issuer's answer; `undefined`: the request is for somebody else. */
export async function issuerAnswer(request: Request): Promise<Response | undefined> {
  const { origin, pathname } = new URL(request.url);
  if (origin !== issuer) return undefined;
  switch (pathname) {
    case "/.well-known/openid-configuration":
      return Response.json({
        ...{ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
        ...{ jwks_uri: `${issuer}/keys`, authorization_response_iss_parameter_supported: true },
        ...{ response_types_supported: ["code"], subject_types_supported: ["public"] },
        id_token_signing_alg_values_supported: [ALGORITHM],
      });
    case "/keys":
      return Response.json({ keys: [{ ...(await exportJWK((await ownKeys()).publicKey)), alg: ALGORITHM }] });
    default:
      return redeem(new URLSearchParams(await request.text()).get("code") ?? "");
  }
}

async function redeem(code: string): Promise<Response> {
  const person = read(code);
  if (person === undefined) return Response.json({ error: "invalid_grant" }, { status: 400 });
  const { nonce, subject, email } = person;
  const idToken = await new SignJWT({ nonce, email, email_verified: true })
    .setProtectedHeader({ alg: ALGORITHM })
    .setIssuer(issuer)
    .setAudience(clientId)
    .setSubject(subject)
    .setIssuedAt(new Date(Date.now()))
    .setExpirationTime(new Date(Date.now() + 60_000))
    .sign((await ownKeys()).privateKey);
  return Response.json({ access_token: "unused", token_type: "bearer", id_token: idToken });
}

function read(code: string): Code | undefined {
  try {
    return JSON.parse(atob(code)) as Code;
  } catch {
    return undefined;
  }
}

/** Made by the first request: a Worker has no random numbers before. */
function ownKeys(): ReturnType<typeof generateKeyPair> {
  keys ??= generateKeyPair(ALGORITHM);
  return keys;
}
