import type * as v from "valibot";
import { ApiError } from "../contract/api-error.ts";
import { INVITATION_SECONDS } from "../contract/limits.ts";
import { ENROL_PATH } from "../contract/paths.ts";
import type { CreateInvitationRequest } from "../contract/requests.ts";
import type { InvitationRecord, RegistryError } from "../domain/records.ts";
import { ok, type Result } from "../domain/result.ts";
import type { UserId } from "../domain/user.ts";
import type { Apps, Context } from "./handler.ts";
import { allLimits } from "./limits.ts";

/** An invitation, and what is shown of it only once: its code, and the link that contains it. */
export interface MadeInvitation {
  invitation: InvitationRecord;
  code: string;
  link: string;
}

/**
 * Makes an invitation, for the API and the page. The link has the code in its fragment, which browsers
 * do not send. Throws `invalid-fields` for an app that the gate does not know, and if the app is missing but
 * needed.
 */
export async function makeInvitation(
  { invitations, secrets, apps, by, url }: Pick<Context, "invitations" | "secrets" | "apps" | "by" | "url">,
  user: UserId,
  wanted: v.InferOutput<typeof CreateInvitationRequest>,
): Promise<Result<MadeInvitation, RegistryError>> {
  const { app = null, approval = false, expiresInSeconds = INVITATION_SECONDS.default } = wanted;
  const limits = allLimits(wanted.limits ?? {}, apps, by.at);
  if (app !== null && !apps.isApp(app)) {
    throw appProblem(`${JSON.stringify(app)} is not an app behind this gate (${apps.hosts.join(", ")})`);
  }
  const host = invitationHost(apps, app ?? limits.apps?.[0] ?? null, url.hostname);
  if (host === undefined) throw appProblem("is needed, because APPS in wrangler.toml names no host");
  const { code, digest } = await secrets.newCode();
  const expiresAt = by.at + expiresInSeconds * 1000;
  const made = await invitations.create(
    by,
    user,
    { id: crypto.randomUUID(), app, approval, expiresAt, limits },
    digest,
  );
  if (!made.ok) return made;
  const link = new URL(ENROL_PATH, url);
  // The port stays: a local edge has one.
  link.hostname = host;
  link.hash = code;
  return ok({ invitation: made.value, code, link: link.href });
}

/**
 * Where an invitation's link leads: to its app or the first one that its device may use, else to the host it is
 * made on if that is an app, else to the first app: a certificate is asked for only on the apps' hosts. `undefined`:
 * the configuration names no app (`APPS."*"`), so the invitation must.
 */
function invitationHost(apps: Apps, app: string | null, hostname: string): string | undefined {
  if (app !== null) return app;
  return apps.isApp(hostname) ? hostname : apps.hosts[0];
}

function appProblem(message: string): ApiError {
  return new ApiError("invalid-fields", message, { errors: [{ path: "app", message }] });
}
