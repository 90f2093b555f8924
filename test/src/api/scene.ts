import { env } from "cloudflare:workers";
import { digestOf } from "../../../src/auth/secrets.ts";
import type { Device, NewDeviceToken, NewInvitation, NewToken } from "../../../src/contract/answers.ts";
import { OPERATIONS, type OperationId } from "../../../src/contract/operations.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import type { EmailAddress } from "../../../src/domain/person.ts";
import { api, bearer, certificateKey, enrol, HOST, keyedSecrets, makeToken } from "../fixtures.ts";
import { Isolate } from "../gate/fixtures.ts";
import { ALICE, by, directory, enrolment, fingerprint, registry, sighting } from "../registry/fixtures.ts";

/** Something of everything that the API is about: all of it alice's. */
export interface Scene {
  phone: Device;
  /** It is being renewed. */
  laptop: Device;
  revoked: Device;
  /** It shows a token. */
  radio: Device;
  /** The id of a device that waits for approval. */
  waiting: string;
  invitation: NewInvitation;
  /** The id of a session that was opened with alice's token. */
  session: string;
  /** The id of a token that nobody in the tests uses. */
  spareToken: string;
  /** The id of her identity at the provider, and that of somebody who waits. */
  identity: string;
  person: string;
}

export const PENDING = fingerprint(9);
/** The next certificate of alice's laptop. */
const NEXT = fingerprint(6);

export async function makeScene(): Promise<Scene> {
  const phone = await enrol("alice", "Phone", fingerprint(1));
  const laptop = await enrol("alice", "Laptop", fingerprint(5));
  await api("POST", `/users/alice/devices/${laptop.id}/certificates`, { fingerprint: NEXT });
  const revoked = await enrol("alice", "Old", fingerprint(2));
  await api("POST", `/users/alice/devices/${revoked.id}/revoke`);
  const radioBody = { name: "Radio", kind: "token", apps: [HOST] };
  const { device: radio }: NewDeviceToken = await (
    await api("POST", "/users/alice/device-tokens", radioBody)
  ).json();
  const pending = enrolment({ name: "New", key: certificateKey(3), status: "pending" });
  const claim = await directory().claim(by(), pending.key, ALICE);
  if (!claim.ok) throw new Error("no claim");
  const { claimedAt, generation } = claim.value;
  const waiting = await registry(ALICE).enrol(by(), pending, claimedAt, generation);
  if (!waiting.ok) throw new Error("nothing waits");
  await directory().resolve(certificateKey(9), sighting());
  const invitation: NewInvitation = await (await api("POST", "/users/alice/invitations", {})).json();
  const spare = await makeToken("alice", "devices", "spare");
  const session = await openSession(spare.token);
  const ids = { waiting: waiting.value.device.id, session, spareToken: spare.id, ...(await makePeople()) };
  return { phone, laptop, revoked, radio, invitation, ...ids };
}

/** Alice has an identity at the provider, and somebody waits. */
async function makePeople(): Promise<{ identity: string; person: string }> {
  await directory().editUser(by(), ALICE, { emails: ["alice@example.com" as EmailAddress] });
  const of = { issuer: "https://id.example.com", isEmailVerified: true, name: "Alice" };
  await directory().identify(by(), { ...of, subject: "1", email: "alice@example.com" as EmailAddress }, null);
  await directory().identify(by(), { ...of, subject: "2", email: null }, null);
  const [[identity], [person]] = [await directory().identities(ALICE), await directory().waitingPeople()];
  if (identity === undefined || person === undefined) throw new Error("nobody is bound, or nobody waits");
  return { identity: identity.id, person: person.id };
}

/** Opens a session with a token, as the sign-in page does. Its id. */
export async function openSession(token: string): Promise<string> {
  const id = crypto.randomUUID();
  const place = { ip: "198.51.100.7", country: "CH", client: "Firefox" };
  const session = { id, digest: await digestOf(`cookie ${id}`), credential: await digestOf(token), ...place };
  const opened = await directory().signIn(by(), session, token === env.ADMIN_TOKEN);
  if (!opened.ok) throw new Error(opened.error.code);
  return id;
}

/** Credentials of each kind, by name: what a request sends. */
export async function makeCredentials() {
  const of = ({ token }: NewToken) => bearer(token);
  const revoked = await makeToken("alice", "devices", "revoked");
  await api("DELETE", `/tokens/${revoked.id}`);
  const expired = await keyedSecrets().newToken();
  const id = crypto.randomUUID();
  const token = { id, user: ALICE, name: "expired", scope: "devices" as const, expiresAt: Date.now() - 1 };
  await directory().createToken(by(), token, expired.digest);
  return {
    root: bearer(env.ADMIN_TOKEN),
    own: of(await makeToken("alice", "devices")),
    others: of(await makeToken("bob", "devices")),
    ownRead: of(await makeToken("alice", "read")),
    allRead: of(await makeToken(null, "read", "all")),
    card: of(await makeToken("alice", "emergency")),
    expired: bearer(expired.token),
    revoked: of(revoked),
    none: { headers: {} },
  };
}
export type Credentials = Awaited<ReturnType<typeof makeCredentials>>;

/** Asks for an operation on what is in the scene, with a valid body. */
export function ask(
  id: OperationId,
  scene: Scene,
  init: { headers: Record<string, string> },
  isolate = new Isolate(),
): Promise<Response> {
  const { method, path } = OPERATIONS[id];
  const { phone, laptop, revoked, radio, waiting } = scene;
  const devices = {
    ...{ forgetDevice: revoked.id, approveDevice: waiting },
    ...{ retireCredential: laptop.id, rotateDeviceToken: radio.id },
  };
  const device = devices[id as keyof typeof devices] ?? phone.id;
  const filled = path
    .replace(":user", "alice")
    .replace(":device", device)
    .replace(":invitation", scene.invitation.id)
    .replace(":fingerprint", id === "retireCredential" ? NEXT : PENDING)
    .replace(":token", scene.spareToken)
    .replace(":session", scene.session)
    .replace(":identity", scene.identity)
    .replace(":person", scene.person);
  const body = BODIES[id];
  return isolate.fetch(`${API_PATH}${filled}`, {
    method,
    cf: {},
    headers: { ...init.headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const LONG_AGO = "2026-01-01T00:00:00.000Z";
const NO_DETAILS = { subject: null, issuer: null, serial: null, notBefore: null, notAfter: null };

/** A device out of a backup. */
const TABLET = {
  ...{ id: "3f6a1c1e-4d3b-4c62-9a53-0d6e6f3f8a11", user: "alice", name: "Restored tablet", status: "active" },
  ...{
    statusSince: LONG_AGO,
    enrolledAt: LONG_AGO,
    note: null,
    lastSeen: null,
    wipe: null,
    comparisonCode: null,
  },
  credentials: [
    {
      ...{ fingerprint: fingerprint(8), addedAt: LONG_AGO, ...NO_DETAILS },
      ...{ retiredAt: null, retireBy: null, replaces: null },
    },
  ],
};

const BODIES: Partial<Record<OperationId, unknown>> = {
  editUser: { role: "owner", emails: ["a@example.org"] },
  admitPerson: { user: "alice" },
  putUser: { name: "Alice" },
  enrolDevice: { name: "Tablet", fingerprint: fingerprint(4) },
  editDevice: { name: "Pixel" },
  reportDeviceLost: { confirm: "Phone" },
  addCertificate: { fingerprint: fingerprint(7) },
  limitDevice: { apps: [HOST], countries: ["CH"], expiresAt: 3600 },
  createDeviceToken: { name: "TV", kind: "feed", apps: [HOST], paths: ["/feeds/*"] },
  rotateDeviceToken: {},
  restoreDirectory: {
    madeAt: LONG_AGO,
    users: [{ id: "dora", name: "Dora", createdAt: LONG_AGO }],
    tokens: [],
    unknownCertificates: [],
  },
  restoreUser: { madeAt: LONG_AGO, devices: [TABLET] },
  restoreAudit: { entries: [] },
  restoreUserAudit: { entries: [] },
  createInvitation: {},
  enrolUnknownCertificate: { user: "alice", name: "Desktop" },
  createToken: { user: "alice", name: "third", scope: "read" },
};
