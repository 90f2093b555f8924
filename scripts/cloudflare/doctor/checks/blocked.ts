import { shellWord, short } from "../../../terminal/text.ts";
import { accountCheck, listed, passed, warned } from "../check.ts";
import { readBlocked, readRegistry } from "../gate.ts";

/** The emergency brake: what is refused without the registry, and might be forgotten on the list. */
export const blocked = accountCheck({
  id: "blocked",
  permission: null,
  read: readBlocked,
  judge(fingerprints, state) {
    if (fingerprints === null) {
      return warned(
        "the deployed Worker does not know the list of blocked certificates: latchkey block would do nothing",
        "run latchkey deploy",
      );
    }
    if (fingerprints.length === 0) return passed("no certificate is blocked");
    const registry = state.of(readRegistry);
    const devices = registry.known ? registry.value : [];
    const entries = fingerprints.map((fingerprint) => ({
      fingerprint,
      device: devices.find(
        ({ certificates, retired }) =>
          retired.includes(fingerprint) || certificates.some((each) => each.fingerprint === fingerprint),
      ),
    }));
    const list = listed(
      entries.map(({ fingerprint, device }) =>
        device === undefined
          ? `certificate ${short(fingerprint)}`
          : `${device.label} (${short(fingerprint)}, ${device.status} in the registry)`,
      ),
    );
    const settled = entries.find(({ device }) => device?.status === "revoked")?.device;
    return settled === undefined
      ? passed(`blocked, whatever the registry says: ${list}`)
      : warned(
          `blocked, whatever the registry says: ${list}; a revoked device need not be on the list`,
          `remove it from the list: latchkey unblock ${shellWord(settled.label)}`,
        );
  },
});
