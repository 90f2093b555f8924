// The permissions of an API token, and what each is for.
/** The page where a token and its permissions are made and changed. */
export const TOKENS_PAGE = "https://dash.cloudflare.com/profile/api-tokens";

/**
 * What an API token needs, by our own short names: the three words by which the dashboard's page of
 * tokens lists it, and what it is for. `Edit` includes `Read`.
 * (developers.cloudflare.com/fundamentals/api/reference/permissions)
 */
export const PERMISSIONS = {
  zone: { grant: "Zone > Zone > Read", purpose: "to find the zone of a host" },
  "certificates-read": {
    grant: "Zone > SSL and Certificates > Read",
    purpose: "to list client certificates, and the hosts that ask for one",
  },
  certificates: {
    grant: "Zone > SSL and Certificates > Edit",
    purpose: "to sign and revoke client certificates, and to choose the hosts that ask for one",
  },
  "routes-read": { grant: "Zone > Workers Routes > Read", purpose: "to read the Worker's routes" },
  routes: { grant: "Zone > Workers Routes > Edit", purpose: "to make the Worker's routes fail closed" },
  "scripts-read": { grant: "Account > Workers Scripts > Read", purpose: "to read the Worker's settings" },
  scripts: { grant: "Account > Workers Scripts > Edit", purpose: "to deploy the Worker and set its secret" },
  "access-read": {
    grant: "Account > Access: Apps and Policies > Read",
    purpose: "to find Access applications that answer first",
  },
  access: {
    grant: "Account > Access: Apps and Policies > Edit",
    purpose:
      "to make the Access policy that bypasses the gate's hosts, and the application that signs people in",
  },
  "access-organization": {
    grant: "Account > Access: Organizations, Identity Providers, and Groups > Read",
    purpose: "to read the team's name, under which Access signs people in",
  },
  waf: { grant: "Zone > Zone WAF > Read", purpose: "to find rules that answer first" },
  firewall: { grant: "Zone > Firewall Services > Read", purpose: "to find IP access rules" },
  bots: { grant: "Zone > Bot Management > Read", purpose: "to find bot protection that answers first" },
  settings: { grant: "Zone > Zone Settings > Read", purpose: "to read the zone's switches" },
  dns: { grant: "Zone > DNS > Read", purpose: "to see whether a host goes through Cloudflare" },
  "dns-edit": {
    grant: "Zone > DNS > Edit",
    purpose: "to make the DNS record of the admin host; latchkey setup --no-admin-host does not need it",
  },
  tunnels: {
    grant: "Account > Cloudflare Tunnel > Read",
    purpose: "to find other names that lead to an app past the gate",
  },
  analytics: { grant: "Account > Account Analytics > Read", purpose: "to read the day's use" },
} as const satisfies Record<string, { grant: string; purpose: string }>;

export type PermissionName = keyof typeof PERMISSIONS;
