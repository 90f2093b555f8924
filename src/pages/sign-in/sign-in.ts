// Routes the paths that signing in uses, each on its own host.
import { ApiError } from "../../contract/api-error.ts";
import type { DoorServices, Services } from "../../services.ts";
import type { Visit } from "../../visit.ts";
import { isFromOurPage, isFromPageOf } from "../html/same-origin.ts";
import { originOf } from "./destination.ts";
import { Door } from "./door.ts";
import { enter, leave, offer } from "./enter.ts";
import { endFromProvider } from "./logout.ts";

/** The paths that only signing in uses. */
export const SIGN_IN_KINDS = ["callback", "backchannel-logout", "enter", "offer", "leave"] as const;
export type SignInKind = (typeof SIGN_IN_KINDS)[number];

/** One lives as long as its isolate. */
export class SignIn {
  readonly #services: Services;
  readonly #door: DoorServices;
  readonly #way: Door;

  /** `isPage`: whether a path is one of our own pages, to which a sign-in may lead. */
  constructor(services: Services, door: DoorServices, isPage: (path: string) => boolean) {
    this.#services = services;
    this.#door = door;
    this.#way = new Door(services, door, isPage);
  }

  /** Leads to the provider. */
  start(visit: Visit): Promise<Response> {
    return this.#way.start(visit);
  }

  /** Whether a form was sent from where it is shown. */
  isExpected(kind: SignInKind, { request: { headers }, url }: Visit): boolean {
    // The provider's own server sends this one, with a token that it signed.
    if (kind === "backchannel-logout") return true;
    const { adminHost } = this.#services;
    if (kind === "enter" || kind === "offer") {
      return adminHost !== null && isFromPageOf(originOf(adminHost, url), headers);
    }
    return isFromOurPage(headers, url) || isFromPageOf(url.origin, headers);
  }

  /** `form`: what was sent; `undefined`: the address was only read. Throws `not-found` where there is nothing. */
  async answer(
    kind: SignInKind,
    visit: Visit,
    form: URLSearchParams | undefined,
    now: number,
  ): Promise<Response> {
    const { hostname, url } = visit;
    const isForApp = kind === "enter" || kind === "offer" || kind === "leave";
    const isHere = isForApp ? this.#services.apps.signsIn(hostname) : hostname === this.#services.adminHost;
    const isRead = form === undefined;
    if (!isHere || url.protocol !== "https:" || isRead !== (kind === "callback")) {
      throw new ApiError("not-found", "There is nothing to see here.");
    }
    if (isRead) return this.#way.callback(visit, now);
    if (kind === "enter") return enter(this.#services, this.#door, visit, form, now);
    if (kind === "offer") return offer(this.#services, visit);
    if (kind === "leave") return leave(this.#services, this.#door, visit, now);
    return endFromProvider(this.#services, this.#door, visit, form, now);
  }
}
