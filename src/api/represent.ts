import type {
  AuditEntry,
  Credential,
  Device,
  Invitation,
  Session,
  Token,
  UnknownCertificate,
  User,
} from "../contract/answers.ts";
import type { BackupAnswer, RestoredUser } from "../contract/backup.ts";
import type { Identity, WaitingPerson } from "../contract/people.ts";
import type { SessionRecord, TokenRecord } from "../domain/credential.ts";
import { fingerprintOf } from "../domain/credential-key.ts";
import type { IdentityRecord, WaitingPersonRecord } from "../domain/person.ts";
import type {
  CredentialRecord,
  DeviceRecord,
  GuestLimits,
  InvitationRecord,
  UnknownCertificateRecord,
  UserRecord,
} from "../domain/records.ts";
import { retiredSince } from "../domain/retirement.ts";
import type { DirectoryBackup } from "../registry/directory/restores.ts";
import type { AuditRecord } from "../registry/storage/audit-log.ts";
import type { Restored } from "../registry/user/rules/restores.ts";

// From the registry's records to the API's shapes: milliseconds become ISO 8601 in UTC.

export function representUser(user: UserRecord): User {
  // During a deploy, the directory may still be an older one that knows of neither.
  const { id, name, createdAt, role = "member", emails = [] } = user;
  return { id, name, createdAt: iso(createdAt), role, emails: [...emails] };
}

/** `at`: whether a certificate counts as retired depends on the time. */
export function representDevice(device: DeviceRecord, { at }: { at: number }): Device {
  const {
    id,
    user,
    name,
    status,
    statusSince,
    note,
    enrolledAt,
    credentials,
    lastSeen,
    wipe,
    comparisonCode,
    // During a deploy, an object may still be an older one that knows nothing of it.
    statusReason = null,
  } = device;
  return {
    ...{ id, user, name, status },
    statusSince: iso(statusSince),
    statusReason,
    note,
    enrolledAt: iso(enrolledAt),
    kind: device.kind,
    ...representLimits(device),
    paths: plain(device.paths),
    credentials: credentials.map((credential) => representCredential(credential, at)),
    lastSeen: lastSeen === null ? null : { ...lastSeen, at: iso(lastSeen.at) },
    wipe: wipe === null ? null : { ...wipe, firstAt: iso(wipe.firstAt), lastAt: iso(wipe.lastAt) },
    comparisonCode,
  };
}

/** A guest's limits, which a feed's paths don't belong to. */
export function representLimits({ apps, countries, expiresAt }: GuestLimits) {
  return { apps: plain(apps), countries: plain(countries), expiresAt: isoOrNull(expiresAt) };
}

function plain(list: readonly string[] | null): string[] | null {
  return list === null ? null : [...list];
}

function representCredential(credential: CredentialRecord, now: number): Credential {
  const { key, subject, issuer, serial, notBefore, notAfter, addedAt, retiredAt, retireBy, replaces } =
    credential;
  return {
    ...{ fingerprint: fingerprintOf(key), subject, issuer, serial },
    notBefore: isoOrNull(notBefore),
    notAfter: isoOrNull(notAfter),
    addedAt: iso(addedAt),
    retiredAt: isoOrNull(retiredSince({ retiredAt, retireBy }, now)),
    retireBy: isoOrNull(retireBy),
    replaces: replaces === null ? null : fingerprintOf(replaces),
  };
}

/** What is planned for a restore, or was done. */
export function representRestored({ devices, left }: Restored): RestoredUser {
  return {
    devices: devices.map(({ keys, ...device }) => ({ ...device, fingerprints: keys.map(fingerprintOf) })),
    left,
  };
}

export function representUnknownCertificate(certificate: UnknownCertificateRecord): UnknownCertificate {
  const { fingerprint, subject, issuer, serial, notAfter, firstSeen, lastSeen, app, country, count } =
    certificate;
  return {
    ...{ fingerprint, subject, issuer, serial },
    notAfter: isoOrNull(notAfter),
    firstSeen: iso(firstSeen),
    lastSeen: iso(lastSeen),
    ...{ app, country, count },
  };
}

export function representBackup(backup: DirectoryBackup): BackupAnswer {
  // During a deploy, the directory may still be an older one, where nobody has an identity.
  const { tokens, unknownCertificates, identities = [] } = backup;
  return {
    identities: identities.map(representIdentity),
    tokens: tokens.map((token) => ({ ...representToken(token), digest: token.digest })),
    unknownCertificates: unknownCertificates.map((each) => ({
      ...representUnknownCertificate(each),
      notBefore: isoOrNull(each.notBefore),
    })),
  };
}

export function representAudit(record: AuditRecord): AuditEntry {
  return { ...record, at: iso(record.at) };
}

export function representToken(token: TokenRecord): Token {
  const { createdAt, expiresAt, lastUsedAt } = token;
  return {
    ...token,
    createdAt: iso(createdAt),
    expiresAt: isoOrNull(expiresAt),
    lastUsedAt: isoOrNull(lastUsedAt),
  };
}

export function representSession(session: SessionRecord): Session {
  // During a deploy, the directory may still be an older one, where nobody signs in with an identity provider.
  const { person = null } = session;
  return { ...session, person, createdAt: iso(session.createdAt), expiresAt: iso(session.expiresAt) };
}

export function representIdentity(identity: IdentityRecord): Identity {
  return { ...identity, boundAt: iso(identity.boundAt) };
}

export function representWaitingPerson(person: WaitingPersonRecord): WaitingPerson {
  return { ...person, firstSeen: iso(person.firstSeen), lastSeen: iso(person.lastSeen) };
}

export function representInvitation(invitation: InvitationRecord, now: number): Invitation {
  // During a deploy, an object may still be an older one that knows nothing of bundles.
  const { usedBy, usedAt, createdAt, expiresAt, limits, bundle = null, ...rest } = invitation;
  return {
    ...rest,
    limits: representLimits(limits),
    bundle,
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
    status: usedAt !== null ? "used" : expiresAt <= now ? "expired" : "open",
    usedAt: isoOrNull(usedAt),
    device: usedBy,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
