import { ApiError } from "../../contract/api-error.ts";
import { AddCertificateRequest, type BlockedList, RETIREMENT_MAX_SECONDS } from "../../contract/requests.ts";
import { parseFingerprint } from "../../domain/fingerprint.ts";
import { body, deviceParam, type Handler, json, must, noContent, pathParam, userParam } from "../handler.ts";
import { registryProblem } from "../problem.ts";
import { certificateOf, enrolled } from "./devices.ts";

// How a device gets its next certificate while the old one still lets it in, and which are blocked.

/** Answered from the configuration only, since it is needed when the registry does not answer. */
export const listBlocked: Handler = async (_, { blocked }) => {
  return json<BlockedList>({ blocked: [...blocked].sort() });
};

export const addCertificate: Handler = async (request, { registry, by }) => {
  const [user, id] = [userParam(request), deviceParam(request)];
  const { fingerprint, certificate, retireBy } = await body(request, AddCertificateRequest);
  const next = {
    ...certificateOf(fingerprint, certificate, by.at),
    retireBy: timeOf(retireBy ?? null, by.at),
  };
  return enrolled(must(await registry.addCertificate(by, user, id, next)), by);
};

export const retireCertificate: Handler = async (request, { registry, by }) => {
  const fingerprint = parseFingerprint(pathParam(request, "fingerprint"));
  if (fingerprint === undefined) throw registryProblem({ code: "unknown-certificate" });
  must(await registry.retireCertificate(by, userParam(request), deviceParam(request), fingerprint));
  return noContent();
};

/** A time that is to come, in milliseconds since the epoch. */
function timeOf(retireBy: string | number | null, now: number): number | null {
  if (retireBy === null) return null;
  if (typeof retireBy === "number") return now + retireBy * 1000;
  const time = Date.parse(retireBy);
  if (time > now && time <= now + RETIREMENT_MAX_SECONDS * 1000) return time;
  const message = "the time must be to come, and within ten years: to end a certificate at once, retire it";
  throw new ApiError("invalid-fields", message, { errors: [{ path: "retireBy", message }] });
}
