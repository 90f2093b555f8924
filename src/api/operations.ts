import * as backup from "../contract/backup.ts";
import * as shape from "../contract/requests.ts";
import { STATUS_ACTS, type StatusAct } from "../domain/device.ts";
import * as audit from "./handlers/audit.ts";
import * as backups from "./handlers/backup.ts";
import * as certificates from "./handlers/certificates.ts";
import * as access from "./handlers/credentials.ts";
import { showDescription } from "./handlers/description.ts";
import * as devices from "./handlers/devices.ts";
import * as users from "./handlers/users.ts";
import { AuditQuery, DevicesQuery, UsersQuery } from "./input.ts";
import type { Operation } from "./operation.ts";

type Row = Omit<Operation, "id" | "method" | "path" | "summary">;

function row(route: string, id: string, summary: string, rest: Row): Operation {
  const [method, path] = route.split(" ") as [Operation["method"], string];
  return { id, method, path, summary, ...rest };
}

const DEVICE_200 = { 200: shape.DeviceSchema };
const NO_USER = ["unknown-user"] as const;
const NO_DEVICE = ["unknown-user", "unknown-device"] as const;
const ENROLMENT = ["unknown-user", "name-taken", "fingerprint-taken", "fingerprint-revoked"] as const;

const ACTS: Record<StatusAct, [id: string, summary: string]> = {
  approve: ["approveDevice", "Let a device in that waits for approval"],
  suspend: ["suspendDevice", "Shut a device out for now"],
  reinstate: ["reinstateDevice", "Let a suspended or lost device in again"],
  lost: ["reportDeviceLost", "Report a device lost: Bitwarden's clients on it delete their vault"],
  revoke: ["revokeDevice", "Shut a device out for good"],
};

function statusAct(act: StatusAct): Operation {
  return row(`POST /users/:user/devices/:device/${act}`, ...ACTS[act], {
    // Who waits for approval does not give it.
    needs: act === "approve" ? "root" : "devices",
    of: "user",
    body: act === "lost" ? shape.LostRequest : shape.StatusActRequest,
    answers: DEVICE_200,
    problems: [...NO_DEVICE, "forbidden-transition"],
    handle: act === "lost" ? devices.reportLost : devices.changeStatus(act),
  });
}

/** The whole API: the table that is routed, enforced and described. */
// biome-ignore format: a table is read by its rows.
export const OPERATIONS: readonly Operation[] = [
  row("GET /me", "showMe", "Whose credentials these are, and which apps there are", { needs: "any", of: "own", answers: { 200: shape.MeSchema }, problems: [], handle: access.showMe }),
  row("GET /openapi.json", "showDescription", "This description", { needs: "any", of: "own", answers: { 200: shape.DescriptionSchema }, problems: [], handle: showDescription(() => OPERATIONS) }),

  row("GET /users", "listUsers", "List the users; with a user's own token, that one", { needs: "read", of: "own", query: UsersQuery, answers: { 200: shape.UserListSchema }, problems: [], handle: users.listUsers }),
  row("PUT /users/:user", "putUser", "Add a user, or rename one", { needs: "root", of: "user", body: shape.PutUserRequest, answers: { 200: shape.UserSchema, 201: shape.UserSchema }, problems: [], handle: users.putUser }),
  row("DELETE /users/:user", "deleteUser", "Remove a user who has no devices left", { needs: "root", of: "user", answers: { 204: null }, problems: [...NO_USER, "user-has-devices", "deletion-superseded"], handle: users.deleteUser }),

  row("GET /users/:user/devices", "listDevices", "List a user's devices", { needs: "read", of: "user", query: DevicesQuery, answers: { 200: shape.DeviceListSchema }, problems: NO_USER, handle: devices.listDevices }),
  row("POST /users/:user/devices", "enrolDevice", "Enrol a device by its certificate or fingerprint", { needs: "root", of: "user", body: shape.EnrolRequest, answers: { 200: shape.DeviceSchema, 201: shape.DeviceSchema }, problems: [...ENROLMENT, "invalid-certificate"], handle: devices.enrolDevice }),
  row("GET /users/:user/devices/:device", "showDevice", "Show a device", { needs: "read", of: "user", answers: DEVICE_200, problems: NO_DEVICE, handle: devices.showDevice }),
  row("PATCH /users/:user/devices/:device", "editDevice", "Rename a device, or change its note", { needs: "devices", of: "user", body: shape.EditDeviceRequest, answers: DEVICE_200, problems: [...NO_DEVICE, "name-taken"], handle: devices.editDevice }),
  row("DELETE /users/:user/devices/:device", "forgetDevice", "Forget a revoked device", { needs: "devices", of: "user", answers: { 204: null }, problems: [...NO_DEVICE, "not-revoked"], handle: devices.forgetDevice }),
  ...(Object.keys(STATUS_ACTS) as StatusAct[]).map(statusAct),
  row("POST /users/:user/devices/:device/certificates", "addCertificate", "Give a device its next certificate; the old one ends when the next one is first seen", { needs: "root", of: "user", body: shape.AddCertificateRequest, answers: { 200: shape.DeviceSchema, 201: shape.DeviceSchema }, problems: [...NO_DEVICE, "fingerprint-taken", "fingerprint-revoked", "forbidden-transition", "too-many-certificates", "invalid-certificate"], handle: certificates.addCertificate }),
  row("DELETE /users/:user/devices/:device/certificates/:fingerprint", "retireCertificate", "Retire a certificate of a device that has another one", { needs: "root", of: "user", answers: { 204: null }, problems: [...NO_DEVICE, "unknown-certificate", "last-certificate"], handle: certificates.retireCertificate }),

  row("GET /users/:user/invitations", "listInvitations", "List a user's invitations", { needs: "read", of: "user", answers: { 200: shape.InvitationListSchema }, problems: NO_USER, handle: access.listInvitations }),
  row("POST /users/:user/invitations", "createInvitation", "Invite a user to enrol one device", { needs: "root", of: "user", body: shape.CreateInvitationRequest, answers: { 201: shape.NewInvitationSchema }, problems: NO_USER, handle: access.createInvitation }),
  row("DELETE /users/:user/invitations/:invitation", "withdrawInvitation", "Withdraw an invitation that nobody has used", { needs: "root", of: "user", answers: { 204: null }, problems: [...NO_USER, "unknown-invitation"], handle: access.withdrawInvitation }),

  row("GET /users/:user/audit", "readUserAudit", "Read a user's audit log", { needs: "read", of: "user", query: AuditQuery, answers: { 200: shape.AuditListSchema }, problems: NO_USER, handle: audit.userAudit }),
  row("GET /audit", "readAudit", "Read the audit log of users, sign-ins, tokens and waiting certificates", { needs: "read", of: "everybody", query: AuditQuery, answers: { 200: shape.AuditListSchema }, problems: [], handle: audit.directoryAudit }),

  row("GET /unknown-certificates", "listUnknownCertificates", "List verified certificates that nobody has enrolled", { needs: "read", of: "everybody", answers: { 200: shape.UnknownCertificateListSchema }, problems: [], handle: devices.listUnknownCertificates }),
  row("POST /unknown-certificates/:fingerprint/enrol", "enrolUnknownCertificate", "Enrol a waiting certificate", { needs: "root", of: "everybody", body: shape.ApproveRequest, answers: { 200: shape.DeviceSchema, 201: shape.DeviceSchema }, problems: [...ENROLMENT, "certificate-not-listed"], handle: devices.enrolUnknownCertificate }),
  row("DELETE /unknown-certificates/:fingerprint", "dismissUnknownCertificate", "Take a certificate off the waiting list until it is seen again", { needs: "root", of: "everybody", answers: { 204: null }, problems: ["certificate-not-listed"], handle: devices.dismissUnknownCertificate }),

  row("GET /blocked", "listBlocked", "List the certificates that the Worker's configuration blocks; answers without the registry", { needs: "root", of: "everybody", answers: { 200: shape.BlockedListSchema }, problems: [], handle: certificates.listBlocked }),

  row("GET /tokens", "listTokens", "List the tokens", { needs: "root", of: "everybody", answers: { 200: shape.TokenListSchema }, problems: [], handle: access.listTokens }),
  row("POST /tokens", "createToken", "Make a token; it is told once", { needs: "root", of: "everybody", body: shape.CreateTokenRequest, answers: { 201: shape.NewTokenSchema }, problems: [...NO_USER, "name-taken"], handle: access.createToken }),
  row("DELETE /tokens/:token", "revokeToken", "Revoke a token, and end the sessions that were opened with it", { needs: "root", of: "everybody", answers: { 204: null }, problems: ["unknown-token"], handle: access.revokeToken }),

  row("GET /backup", "showBackup", "What a backup needs besides the lists: the tokens' digests, and all facts of what is waiting", { needs: "root", of: "everybody", answers: { 200: backup.BackupAnswer }, problems: [], handle: backups.showBackup }),
  row("POST /restore", "restoreDirectory", "Restore users, tokens and waiting certificates that are missing", { needs: "root", of: "everybody", body: backup.RestoreDirectoryRequest, answers: { 200: backup.RestoredDirectory }, problems: [], handle: backups.restoreDirectory }),
  row("POST /restore/audit", "restoreAudit", "Take lines over into the directory's audit log while it has none of its own", { needs: "root", of: "everybody", body: backup.RestoreAuditRequest, answers: { 200: backup.RestoredAudit }, problems: [], handle: backups.restoreDirectoryAudit }),
  row("POST /users/:user/restore", "restoreUser", "Restore devices of a user, in one transaction", { needs: "root", of: "user", body: backup.RestoreUserRequest, answers: { 200: backup.RestoredUser }, problems: NO_USER, handle: backups.restoreUser }),
  row("POST /users/:user/restore/audit", "restoreUserAudit", "Take lines over into a user's audit log while it has none of its own", { needs: "root", of: "user", body: backup.RestoreAuditRequest, answers: { 200: backup.RestoredAudit }, problems: NO_USER, handle: backups.restoreUserAudit }),

  row("GET /sessions", "listSessions", "List the browsers that are signed in; with a user's token, that user's", { needs: "read", of: "own", answers: { 200: shape.SessionListSchema }, problems: [], handle: access.listSessions }),
  row("DELETE /sessions", "endAllSessions", "Sign out everywhere", { needs: "devices", of: "own", answers: { 204: null }, problems: [], handle: access.endSessions }),
  row("DELETE /sessions/:session", "endSession", "Sign one browser out", { needs: "devices", of: "own", answers: { 204: null }, problems: ["unknown-session"], handle: access.endSession }),
];
