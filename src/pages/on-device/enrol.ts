// The page that an invitation's link opens on the device.

import { ENROL_PATH } from "../../contract/paths.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";
import { deviceNameProblem, type Standing } from "../../domain/device.ts";
import { ShortMemory } from "../../domain/general/bounded-map.ts";
import { NO_LIMITS } from "../../domain/limits.ts";
import { detailsOf } from "../../domain/records.ts";
import { beyondLimits } from "../../domain/request/beyond-limits.ts";
import { isWithinDates } from "../../domain/request/certificate.ts";
import type { UserId } from "../../domain/user.ts";
import { RegistryUnavailable } from "../../registry/client/call.ts";
import type { Services } from "../../services.ts";
import { isVerified, type VerifiedVisit, type Visit } from "../../visit.ts";
import { field } from "../html/forms.ts";
import { type Html, seeOther, show } from "../html/html.ts";
import { capital } from "../html/words.ts";
import {
  agreement,
  type Entered,
  INVALID,
  known,
  notVerified,
  ready,
  sentence,
  waiting,
  withoutCertificate,
} from "./enrol-view.ts";

/** If a waiting device looks again within this time, in milliseconds, its code costs no question. */
const MEMORY_MS = 2_000;
const MEMORY_ENTRIES = 100;

/**
 * Before the device is enrolled, the page says whose it will be, and from then on whose it is. One lives as long as its
 * isolate.
 */
export class Enrolment {
  readonly #services: Pick<Services, "invitations" | "codes" | "standingOf" | "forget">;
  readonly #comparisonCodes = new ShortMemory<CredentialKey, string | null>(MEMORY_MS, MEMORY_ENTRIES);

  constructor(services: Pick<Services, "invitations" | "codes" | "standingOf" | "forget">) {
    this.#services = services;
  }

  /** Says what is known of this device, and asks for the code when it can be enrolled. */
  async look(visit: Visit, now: number): Promise<Response> {
    const { certificate, hostname, userAgent } = visit;
    if (certificate.kind === "absent") return show(withoutCertificate(hostname, userAgent));
    if (!isVerified(visit) || !isWithinDates(visit.certificate, now)) {
      return show(notVerified(certificate.kind === "verified" ? "expired" : certificate.kind, userAgent));
    }
    return show(await this.#page(visit, await this.#services.standingOf(visit), now));
  }

  /**
   * Takes the form in two steps: the first says whose device this will be and uses nothing up; the second,
   * once the person has agreed to that, enrols it. Codes that are wrong, used, expired or for another app all
   * get the same answer.
   */
  async submit(visit: Visit, form: URLSearchParams, now: number): Promise<Response> {
    if (!isVerified(visit) || !isWithinDates(visit.certificate, now)) return this.look(visit, now);
    const { certificate, hostname, userAgent } = visit;
    const { key } = certificate;
    const { codes, standingOf, forget } = this.#services;
    const entered: Entered = { code: field(form, "code"), name: field(form, "name") };
    const again = (message: string) => show(ready(certificate, userAgent, entered, message), 422);
    if (form.has("back")) return show(ready(certificate, userAgent, entered));

    const problem = deviceNameProblem(entered.name);
    if (problem !== undefined) return again(`${capital(problem)}. The code still works.`);
    const details = detailsOf(certificate);
    const enrolment = {
      ...{ name: entered.name, note: null, key, details },
      ...{ limits: NO_LIMITS, status: "active" as const },
    };
    const by = visit.by("invitation", now);
    const presented = { code: entered.code, app: hostname, enrolment, by };
    // Before anybody is asked about the certificate: a code that is made up or no longer valid costs the registry nothing.
    if (!(await codes.mayBeGood(presented))) return again(INVALID);
    const standing = await standingOf(visit);
    if (standing.kind !== "unknown") return show(await this.#page(visit, standing, now));
    const agreed = field(form, "user");
    if (agreed === "") {
      const offered = await codes.offer(presented);
      return offered.ok ? show(agreement(offered.value, entered)) : again(sentence(offered.error));
    }
    const enrolled = await codes.redeem(presented, agreed);
    if (!enrolled.ok) return again(sentence(enrolled.error));
    forget(key);
    this.#comparisonCodes.delete(key);
    return seeOther(ENROL_PATH);
  }

  /** The page for a certificate that is verified and within its dates. Throws `RegistryUnavailable`. */
  async #page(visit: VerifiedVisit, standing: Standing, now: number): Promise<Html> {
    const { certificate, userAgent } = visit;
    switch (standing.kind) {
      case "device": {
        const { limits = NO_LIMITS } = standing;
        if (standing.status !== "pending")
          return known(standing, beyondLimits(limits, visit, now) !== undefined);
        return waiting(standing, await this.#comparisonCode(standing.user, certificate.key, now));
      }
      case "unknown":
        return ready(certificate, userAgent);
      case "unavailable":
        throw new RegistryUnavailable("the gate could not ask the registry");
    }
  }

  async #comparisonCode(user: UserId, key: CredentialKey, now: number): Promise<string | null> {
    const remembered = this.#comparisonCodes.get(key, now);
    if (remembered !== undefined) return remembered;
    const device = await this.#services.invitations.deviceOf(user, key, now);
    const code = device?.comparisonCode ?? null;
    this.#comparisonCodes.set(key, code, now);
    return code;
  }
}
