// Makes invitations, for the API and the page.
import type * as v from "valibot";
import { ApiError } from "../contract/api-error.ts";
import { INVITATION_SECONDS } from "../contract/limits.ts";
import { ENROL_PATH, PATHS } from "../contract/paths.ts";
import type { CreateInvitationRequest } from "../contract/requests.ts";
import { err, ok, type Result } from "../domain/general/result.ts";
import type { InvitationRecord, NewBundle, RegistryError } from "../domain/records.ts";
import type { UserId } from "../domain/user.ts";
import type { Actor } from "../registry/storage/audit-log.ts";
import type { Apps, Context } from "./handler.ts";
import { allLimits, futureTime, invalid } from "./limits.ts";
import { certificateOf } from "./x509.ts";

type Wanted = v.InferOutput<typeof CreateInvitationRequest>;

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
  context: Pick<Context, "registry" | "invitations" | "secrets" | "apps" | "adminHost" | "by" | "url">,
  user: UserId,
  wanted: Wanted,
): Promise<Result<MadeInvitation, RegistryError>> {
  const { invitations, secrets, apps, by, url } = context;
  const { app = null, approval = false, expiresInSeconds = INVITATION_SECONDS.default } = wanted;
  const limits = allLimits(wanted.limits ?? {}, apps, by.at);
  if (app !== null && !apps.isApp(app)) {
    throw appProblem(`${JSON.stringify(app)} is not an app behind this gate (${apps.hosts.join(", ")})`);
  }
  const bundle = wanted.bundle === undefined ? undefined : await newBundle(context, user, wanted.bundle);
  if (bundle !== undefined && !bundle.ok) return bundle;
  const host =
    bundle === undefined ? invitationHost(apps, app ?? limits.apps?.[0] ?? null, url.hostname) : url.hostname;
  if (host === undefined) throw appProblem("is needed, because APPS in wrangler.toml names no host");
  const { code, digest } = await secrets.newCode();
  const expiresAt = by.at + expiresInSeconds * 1000;
  const made = await invitations.create(
    by,
    user,
    { id: wanted.bundle?.id ?? crypto.randomUUID(), app, approval, expiresAt, limits },
    digest,
    bundle?.value,
  );
  if (!made.ok) return made;
  const link = new URL(bundle === undefined ? ENROL_PATH : PATHS.welcome, url);
  // The port stays: a local edge has one.
  link.hostname = host;
  link.hash = code;
  return ok({ invitation: made.value, code, link: link.href });
}

/** Throws `invalid-fields` without an `ADMIN_HOST`, and `invalid-certificate`. */
async function newBundle(
  { registry, adminHost, by }: { registry: Context["registry"]; adminHost: string | null; by: Actor },
  user: UserId,
  { name, device: renews, certificate, ciphertext, proof, retireBy }: NonNullable<Wanted["bundle"]>,
): Promise<Result<NewBundle, RegistryError>> {
  if (adminHost === null) {
    throw invalid("bundle", "the page that hands out certificates needs an ADMIN_HOST, and there is none");
  }
  const rest = { ciphertext, proof, retireBy: futureTime(retireBy ?? null, by.at, "bundle.retireBy") };
  const stored = { ...rest, ...certificateOf(undefined, certificate, by.at) };
  if (renews === undefined) return ok({ ...stored, name: name ?? "", renews: null });
  const found = await registry.ofUser(user);
  if (!found.ok) return found;
  const device = await found.value.ask((user) => user.get(renews));
  if (device === null) return err({ code: "unknown-device" });
  return ok({ ...stored, name: device.name, renews });
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
