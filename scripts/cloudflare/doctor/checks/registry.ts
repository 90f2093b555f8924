// The registry: whether it can be asked, and whether it lets anyone in.
import {
  EXPIRES_SOON_DAYS,
  EXPIRES_SOON_MS,
  relativeTime,
} from "../../../../src/domain/general/relative-time.ts";
import { shellWord } from "../../../terminal/text.ts";
import { accountCheck, failedCheck, listed, passed, warned } from "../check.ts";
import { readRegistry } from "../gate.ts";

export const api = accountCheck({
  id: "api",
  permission: null,
  read: readRegistry,
  judge: () => passed("the API answers"),
});

export const registry = accountCheck({
  id: "registry",
  permission: null,
  read: readRegistry,
  judge(devices) {
    const active = devices.filter(({ status }) => status === "active");
    return active.length === 0
      ? failedCheck("no device is active: everyone is refused", "issue one: latchkey issue alice pixel-9")
      : passed(`${active.length} of ${devices.length} enrolled devices may pass`);
  },
});

export const ending = accountCheck({
  id: "certificates-ending",
  permission: null,
  read: readRegistry,
  judge(devices, { now }) {
    const dated = devices
      .filter(({ status }) => status === "active")
      .flatMap(({ label, certificates }) => {
        const last = Math.max(...certificates.map(({ notAfter }) => Date.parse(notAfter ?? "") || Infinity));
        return Number.isFinite(last) && certificates.length > 0 ? [{ label, last }] : [];
      });
    const expired = dated.filter(({ last }) => last <= now);
    if (expired.length > 0) {
      return failedCheck(
        `the certificates of ${listed(expired.map(({ label }) => label))} have expired: the devices are refused`,
        `issue new ones: latchkey rotate ${shellWord(expired[0]?.label ?? "")}`,
      );
    }
    const soon = dated.filter(({ last }) => last <= now + EXPIRES_SOON_MS);
    return soon.length > 0
      ? warned(
          listed(
            soon.map(
              ({ label, last }) => `${label} expires ${relativeTime(new Date(last).toISOString(), now)}`,
            ),
          ),
          `issue new ones in time: latchkey rotate ${shellWord(soon[0]?.label ?? "")}`,
        )
      : passed(`no active device's certificate expires within ${EXPIRES_SOON_DAYS} days`);
  },
});
