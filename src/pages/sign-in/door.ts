// Signing in with the identity provider (OpenID Connect, code flow with PKCE), on the ADMIN_HOST. What is under way
// travels sealed in the browser's own cookie: a stranger writes nothing, and costs no Durable Object call.
import type { Asked, SignedIn } from "../../auth/provider.ts";
import { randomText } from "../../auth/secrets.ts";
import { ApiError } from "../../contract/api-error.ts";
import { PATHS } from "../../contract/paths.ts";
import type { BrowserProspect } from "../../domain/browser.ts";
import { userActor } from "../../domain/credential.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";
import { Budget } from "../../domain/general/budget.ts";
import type { Identified, Person } from "../../domain/person.ts";
import { networkOf } from "../../domain/request/network.ts";
import {
  clearDoor,
  cookieValue,
  DOOR_COOKIE,
  KNOWN_BROWSER_COOKIE,
  setDoor,
  setKnownBrowser,
  setSession,
} from "../../domain/request/own-cookies.ts";
import type { UserId } from "../../domain/user.ts";
import type { DoorServices, Services } from "../../services.ts";
import type { Visit } from "../../visit.ts";
import { show } from "../html/html.ts";
import { type Destination, originOf, readDestination } from "./destination.ts";
import { sealTicket } from "./ticket.ts";
import * as view from "./view.ts";

/** How long a person may take at the provider, in milliseconds. */
const DOOR_MS = 10 * 60_000;

/** How many codes each network may have exchanged at first, and how often one more, in milliseconds. */
export const EXCHANGES_MAX = 20;
export const EXCHANGE_EVERY_MS = 5_000;
const ADDRESSES_MAX = 1_000;

const SECRET_BYTES = 32;
const PURPOSE = "door";

/** A sign-in that is under way. */
interface Errand {
  asked: Asked;
  destination: Destination;
  /** Whether the person was asked to authenticate again. */
  isFresh: boolean;
}

/** What this browser is to a person, and its secret if it is one of theirs. */
interface Prospect {
  kind: BrowserProspect;
  /** Of a device that is signed in. */
  secret: string | undefined;
  /** Of one that is signed out. */
  former: CredentialKey | null;
}

type User = Extract<Identified, { kind: "user" }>;

/** One lives as long as its isolate. */
export class Door {
  readonly #services: Services;
  readonly #door: DoorServices;
  readonly #exchanges = new Budget<string>(EXCHANGES_MAX, EXCHANGE_EVERY_MS, ADDRESSES_MAX);

  readonly #isPage: (path: string) => boolean;

  constructor(services: Services, door: DoorServices, isPage: (path: string) => boolean) {
    this.#services = services;
    this.#door = door;
    this.#isPage = isPage;
  }

  /**
   * `GET /.latchkey/sign-in?app=...` or `?next=...`: leads to the provider; without `e`, by way of the app's host, which ties
   * the sign-in to this browser.
   */
  async start({ url }: Visit): Promise<Response> {
    const app = url.searchParams.get("app");
    if (app !== null && !url.searchParams.has("e") && this.#services.apps.signsIn(app)) {
      return show(view.toOffer(app, url), 200, view.toOfferHeaders(this.#door.settings.issuer));
    }
    const destination = readDestination(url, this.#services.apps, this.#isPage);
    if (destination === undefined) {
      throw new ApiError(
        "invalid-query",
        "This address leads nowhere. Open the app, and sign in from there.",
      );
    }
    return this.#ask(url, destination, false);
  }

  /** `GET /.latchkey/callback`: the provider has sent the person back. */
  async callback(visit: Visit, now: number): Promise<Response> {
    const sealed = cookieValue(visit.request.headers.get("cookie"), DOOR_COOKIE);
    const errand = sealed === undefined ? undefined : await this.#door.sealer.open<Errand>(PURPOSE, sealed);
    if (errand === undefined) return show(view.tooLate(), 400);
    const { asked, destination } = errand;
    // Of another sign-in: the one that is under way goes on.
    if (visit.url.searchParams.get("state") !== asked.state) return show(view.tooLate(), 400);
    const again = this.#startAddress(visit.url, destination);
    if (!this.#exchanges.take(networkOf(visit.ip), now)) return show(view.tooOften(again), 429);
    const exchanged = await this.#door.provider.exchange(visit.url, asked);
    const response = exchanged.ok
      ? await this.#admit(visit, errand, exchanged.value, again, now)
      : await this.#failed(exchanged.error, again);
    // It is for one sign-in, whatever came of it; unless the person was sent to the provider again.
    if (response.status !== 302) response.headers.append("Set-Cookie", clearDoor());
    return response;
  }

  /** Redirects to the provider, with what the callback is checked against in a cookie. */
  async #ask(url: URL, destination: Destination, isFresh: boolean): Promise<Response> {
    const [state, nonce, verifier] = [
      randomText(SECRET_BYTES),
      randomText(SECRET_BYTES),
      randomText(SECRET_BYTES),
    ];
    const asked: Asked = { state, nonce, verifier, redirectUri: new URL(PATHS.callback, url).href };
    const address = await this.#door.provider.authorize(asked, isFresh);
    if (!address.ok) return this.#failed(address.error, this.#startAddress(url, destination));
    const errand: Errand = { asked, destination, isFresh };
    const sealed = await this.#door.sealer.seal(PURPOSE, errand, DOOR_MS);
    return new Response(null, {
      status: 302,
      headers: {
        Location: address.value.href,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Set-Cookie": setDoor(sealed, DOOR_MS / 1000),
      },
    });
  }

  /** The person is who they are at the provider: who is that here? */
  async #admit(
    visit: Visit,
    errand: Errand,
    signedIn: SignedIn,
    again: string,
    now: number,
  ): Promise<Response> {
    const identified = await this.#services.people.identify(visit.by("provider", now), signedIn.person);
    if (identified.kind === "waiting") return show(view.waiting(identified.comparisonCode, again));
    if (identified.kind === "not-noted") return show(view.notNoted(signedIn.person), 503);
    const { user } = identified;
    const { destination, isFresh } = errand;
    if (destination.kind === "app" && !this.#services.apps.maySignIn(user, destination.host)) {
      return show(view.notForYou(user, destination.host), 400);
    }
    const prospect = await this.#prospect(visit, user, signedIn.authTime, now);
    const { kind } = prospect;
    if (kind === "shut-out") return show(view.shutOut(user), 400);
    // Somebody else may have a browser that is still signed in at the provider.
    if (kind === "stale") {
      return isFresh ? show(view.stale(user), 400) : this.#ask(visit.url, destination, true);
    }
    return destination.kind === "page"
      ? this.#openPages(visit, identified, signedIn.person, destination.path, now)
      : this.#handOver(visit, destination, signedIn, identified, prospect, now);
  }

  /** Opens a session of our own pages. */
  async #openPages(
    visit: Visit,
    { user }: User,
    person: Person,
    path: string,
    now: number,
  ): Promise<Response> {
    const { request, hostname } = visit;
    const by = visit.by(userActor(user), now);
    const opened = await this.#services.authenticator.signInAs({ request, hostname, by }, user, person);
    if (!opened.ok) {
      return opened.error.code === "wrong-token"
        ? show(view.notTheirs(PATHS.home), 400)
        : show(view.tooOften(PATHS.home), 429);
    }
    // Not a redirect: after one that began at the provider, browsers would not send the cookie, which is for this site.
    return show(view.signedIn(path), 200, {
      "Set-Cookie": setSession(opened.value.cookie),
      Refresh: `0; url=${path}`,
    });
  }

  /** Shows the form that brings a ticket to the app's host. */
  async #handOver(
    { url, hostname }: Visit,
    destination: Extract<Destination, { kind: "app" }>,
    { person, session, authTime }: SignedIn,
    { user, name }: User,
    { secret: known, former }: Prospect,
    now: number,
  ): Promise<Response> {
    const { issuer, subject } = person;
    const secret = known ?? (await this.#services.secrets.newBrowserSecret(hostname)).text;
    const ticket = await sealTicket(this.#door.sealer, now, {
      ...{ id: randomText(SECRET_BYTES), user, secret, former, destination, authTime },
      opener: { issuer, subject, session },
    });
    const page = view.handOver({ ticket, user, name, host: destination.host }, url);
    return show(page, 200, { ...view.HAND_OVER_HEADERS, "Set-Cookie": setKnownBrowser(secret) });
  }

  /** What this browser is to the user. */
  async #prospect(
    { request, hostname }: Visit,
    user: UserId,
    authTime: number | null,
    now: number,
  ): Promise<Prospect> {
    const known = cookieValue(request.headers.get("cookie"), KNOWN_BROWSER_COOKIE);
    const key: CredentialKey | undefined =
      known === undefined ? undefined : await this.#services.secrets.readBrowserSecret(hostname, known);
    const kind = await this.#door.browsers.prospect(user, key, authTime, now);
    return {
      kind,
      secret: kind === "known" ? known : undefined,
      former: kind === "ended" && key !== undefined ? key : null,
    };
  }

  #failed(failure: view.Failure, again: string): Promise<Response> {
    this.#services.log({ event: "sign-in-failed", ...failure });
    const status = failure.code === "issuer-unavailable" || failure.code === "misconfigured" ? 503 : 400;
    return show(view.failed(failure, this.#door.settings.label, again), status);
  }

  /** Where to begin again. */
  #startAddress(url: URL, destination: Destination): string {
    if (destination.kind === "app") return originOf(destination.host, url) + destination.to;
    return `${PATHS.signIn}?${new URLSearchParams({ next: destination.path })}`;
  }
}
