// The page behind an invitation's link that brings a certificate. Nobody has to sign in: anyone who has the whole link
// gets the certificate, encrypted; the page's own script decrypts it.
import { json } from "../../api/handler.ts";
import { registryProblem } from "../../api/problem.ts";
import { representLimits } from "../../api/represent.ts";
import type { Welcome } from "../../domain/records.ts";
import { clientName } from "../../domain/request/client-name.ts";
import type { Services } from "../../services.ts";
import type { Visit } from "../../visit.ts";
import { field } from "../html/forms.ts";
import { CONTENT_SECURITY_POLICY, show } from "../html/html.ts";
import { welcomePage } from "./view.ts";

/** A page's policy, except that the script may also ask this host for the certificate. */
const WITH_FETCH = { "Content-Security-Policy": `${CONTENT_SECURITY_POLICY}; connect-src 'self'` };

/** Longer ones are not ours: a proof is 64 hex digits, a browser's secret 43 characters. */
const SECRET_MAX = 100;

/** What the script gets. It is JSON: no page of another site can read it. */
interface WelcomeAnswer {
  invitation: string;
  user: string;
  name: string;
  isRenewal: boolean;
  isWaiting: boolean;
  /** Six digits to compare, while the device waits for approval. */
  comparisonCode: string | null;
  isSeen: boolean;
  ciphertext: string | null;
  /** Where the device can go with it. */
  apps: string[];
  /** The device's own limits; `null`: it has none of this kind. */
  expiresAt: string | null;
  countries: string[] | null;
  onlyApps: string[] | null;
}

/** The page requests nothing before a person presses the button, so link previews use nothing up. */
export function showWelcome(userAgent: string | null): Promise<Response> {
  return show(welcomePage(userAgent), 200, WITH_FETCH);
}

/**
 * Hands the certificate out, or says how its device is doing (`look`). Whatever is wrong with a link, the
 * answer is the same 404. 409: the link is right, but the registry refuses the device. Throws `RegistryUnavailable`.
 */
export async function answerWelcome(
  { codes, apps, forget }: Pick<Services, "codes" | "apps" | "forget">,
  visit: Visit,
  form: URLSearchParams,
  now: number,
): Promise<Response> {
  const [proof, browser] = [field(form, "proof"), field(form, "browser")];
  if (browser === "" || browser.length > SECRET_MAX || proof.length > SECRET_MAX) return nothing();
  const fetched = await codes.fetchBundle({
    code: field(form, "code"),
    ...{ proof, browser },
    client: visit.userAgent === null ? null : clientName(visit.userAgent),
    isLook: form.has("look"),
    by: visit.by("invitation", now),
  });
  if (!fetched.ok) {
    if (fetched.error.code === "invalid-invitation") return nothing();
    return json({ code: registryProblem(fetched.error).code }, 409);
  }
  const { device, ciphertext } = fetched.value;
  // The gate may still remember that nobody has this certificate.
  if (ciphertext !== null) for (const { key } of device.credentials) forget(key);
  const hosts = device.apps ?? apps.hosts;
  return json<WelcomeAnswer>(
    represent(
      fetched.value,
      hosts.map((host) => addressOf(host, visit.url)),
    ),
  );
}

function nothing(): Response {
  return json({ code: "unknown-invitation" }, 404);
}

function represent({ invitation, device, ...rest }: Welcome, apps: string[]): WelcomeAnswer {
  const { user, name, status, comparisonCode } = device;
  const { apps: onlyApps, ...limits } = representLimits(device);
  const isWaiting = status === "pending";
  return { invitation, user, name, isWaiting, comparisonCode, ...rest, apps, ...limits, onlyApps };
}

/** An app's address. The port stays: a local edge has one. */
function addressOf(host: string, url: URL): string {
  const address = new URL("/", url);
  address.hostname = host;
  return address.href;
}
