/** The hosts behind the gate, as far as the control paths need to know them. */
export interface Apps {
  /** Those that the configuration names. */
  hosts: readonly string[];
  /** Every entry of `APPS`, `*` among them, with its profile, and its name if `APPS` names it (`profile = "immich"`). */
  profiles: readonly { host: string; profile: string; app?: string }[];
  isApp(hostname: string): boolean;
}

/**
 * Where an invitation's link leads: to its app, else to the host it is made on if that is an app, else to
 * the first app: a certificate is asked for only on the apps' hosts. `undefined`: the configuration names
 * no app (`APPS."*"`), so the invitation must.
 */
export function invitationHost(apps: Apps, app: string | null, hostname: string): string | undefined {
  if (app !== null) return app;
  return apps.isApp(hostname) ? hostname : apps.hosts[0];
}
