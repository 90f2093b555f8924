// What Cloudflare's answers must contain to be understood. Anything else may be in them. A needed field that is
// missing, null or of another type is a failure that names the call. `null` counts as an empty list only where that is
// harmless or was seen.
import * as v from "valibot";
import { notUnderstood } from "./failure.ts";

/** Parses the body of an answer, or fails with the call and the first thing that is odd. */
export function parseAnswer<T>(
  schema: v.GenericSchema<unknown, T>,
  body: unknown,
  call: string,
  what: string,
): T {
  const parsed = v.safeParse(schema, body, { abortEarly: true });
  if (parsed.success) return parsed.output;
  throw notUnderstood(what, call, describe(parsed.issues[0]));
}

/** `result[0].id is missing`, `result.hostnames is a string`: never a value, which may be private. */
function describe(issue: v.BaseIssue<unknown>): string {
  const place = (issue.path ?? [])
    .map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("");
  const name = place === "" ? "the answer" : place.replace(/^\./, "");
  return issue.type === "check" ? `${name} ${issue.message}` : `${name} is ${kindOf(issue.input)}`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `an unexpected ${typeof value}`;
}

/** An object with at least these fields. `v.object` by itself accepts a list. */
export function fields<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(
    v.custom<object>((value) => typeof value === "object" && value !== null && !Array.isArray(value)),
    v.object(entries),
  );
}

/** Absent, or null, which is the same. */
export function optional<T>(schema: v.GenericSchema<unknown, T>) {
  return v.pipe(
    v.nullish(schema),
    v.transform((value) => value ?? undefined),
  );
}

/** The envelope of a good answer, and what is in it. */
export function resultOf<T>(schema: v.GenericSchema<unknown, T>) {
  return v.pipe(
    fields({ success: v.literal(true), result: schema }),
    v.transform(({ result }) => result as T),
  );
}

/** For a call that changes something, where what it left is looked at afterwards, or does not matter. */
export const DONE = fields({ success: v.literal(true) });

/** One slice of a list, and how many items the whole list has, where Cloudflare says so. */
export function sliceOf<T>(item: v.GenericSchema<unknown, T>) {
  return v.pipe(
    fields({
      success: v.literal(true),
      result: v.array(item),
      result_info: optional(fields({ total_count: optional(v.number()) })),
    }),
    v.transform(({ result, result_info }) => ({
      items: result as T[],
      total: result_info?.total_count,
    })),
  );
}

const text = optional(v.string());
const lowerCase = v.pipe(v.string(), v.toLowerCase());

export const ZONE = v.pipe(
  fields({
    id: v.string(),
    name: v.string(),
    status: v.nullish(v.string(), "active"),
    account: fields({ id: v.string(), name: v.nullish(v.string(), "") }),
  }),
  v.transform(({ id, name, status, account }) => ({
    ...{ id, name, account },
    /** Whether Cloudflare serves it: a zone that has moved away stays listed, and a pending one is listed too. */
    isActive: status === "active",
  })),
);

/** `null`: a zone that never asked for certificates, as the public log of a real zone shows. */
export const ASSOCIATIONS = resultOf(fields({ hostnames: v.nullable(v.array(v.string()), []) }));

export const ROUTE = v.pipe(
  fields({
    id: v.string(),
    pattern: v.string(),
    script: text,
    request_limit_fail_open: optional(v.unknown()),
  }),
  v.transform(({ id, pattern, script, request_limit_fail_open: failsOpen }) => ({
    id,
    pattern,
    /** `undefined`: no Worker runs on it. */
    script: script || undefined,
    /** In no published schema. `undefined`: Cloudflare did not report it, or not as a boolean. */
    failsOpen: typeof failsOpen === "boolean" ? failsOpen : undefined,
  })),
);

export const CERTIFICATE_STATUSES = [
  "active",
  "pending_revocation",
  "revoked",
  "pending_reactivation",
] as const;
export type ClientCertificateStatus = (typeof CERTIFICATE_STATUSES)[number];

export const CLIENT_CERTIFICATE = fields({
  id: v.string(),
  // An unknown status is kept, and never counts as revoked.
  status: v.pipe(
    v.string(),
    v.transform((status) => status as ClientCertificateStatus),
  ),
  certificate: text,
  fingerprint_sha256: text,
  issued_on: text,
  expires_on: text,
});

/** What a rule can do, by Cloudflare's specification: what any other action answers is unknown. */
const ACTIONS = [
  ...["block", "bypass", "challenge", "compress_response", "ddos_dynamic", "execute"],
  ...["force_connection_close", "js_challenge", "log", "log_custom_field", "managed_challenge"],
  ...["normalize", "passthrough", "redirect", "rewrite", "route", "score", "serve_error"],
  ...["set_cache_control", "set_cache_settings", "set_cache_tags", "set_config", "skip"],
  "transform_response_html",
];

/** A ruleset without any rule has no list of them. */
export const RULESET = resultOf(
  fields({
    id: v.string(),
    rules: optional(
      v.array(
        fields({
          id: text,
          action: v.picklist(ACTIONS),
          expression: v.string(),
          description: text,
          enabled: v.nullish(v.boolean(), true),
          action_parameters: optional(
            fields({
              response: optional(fields({ status_code: optional(v.number()) })),
              status_code: optional(v.number()),
              ruleset: text,
              phases: optional(v.array(v.string())),
            }),
          ),
        }),
      ),
    ),
  }),
);

export const ACCESS_RULE = fields({
  id: v.string(),
  mode: v.string(),
  configuration: optional(fields({ target: text, value: text })),
});

const sbfm = optional(v.picklist(["allow", "block", "managed_challenge"]));

/** Free plans have the first setting, paid plans those of super bot fight mode. */
export const BOTS = resultOf(
  v.pipe(
    fields({
      fight_mode: optional(v.boolean()),
      sbfm_definitely_automated: sbfm,
      sbfm_likely_automated: sbfm,
      sbfm_verified_bots: sbfm,
    }),
    v.check((settings) => Object.values(settings).some((value) => value !== undefined), "has no bot setting"),
  ),
);

const SWITCH = ["on", "off"] as const;

/** The zone's settings that the doctor reads, and the values that it knows. */
export const SETTINGS = {
  security_level: settingOf(["off", "essentially_off", "low", "medium", "high", "under_attack"]),
  browser_check: settingOf(SWITCH),
  grpc: settingOf(SWITCH),
};

function settingOf(values: readonly string[]) {
  return resultOf(fields({ value: v.picklist(values) }));
}

/** `content` is an address or a name. Records of some types have no `proxied`: they are not. */
export const DNS_RECORD = fields({
  name: lowerCase,
  type: v.string(),
  content: v.nullish(lowerCase, ""),
  proxied: v.nullish(v.boolean(), false),
});

/** Of the SDK's `CertificatePackListResponse`, which is in no published schema, what the doctor judges. */
export const CERTIFICATE_PACK = fields({
  status: v.string(),
  type: v.string(),
  /** A wildcard is `*.example.com`. */
  hosts: v.array(lowerCase),
});

export const TUNNEL = fields({ id: v.string(), name: text, config_src: text });

const originRequest = optional(fields({ httpHostHeader: text }));

/** A tunnel's rules, in their order. The last one, which catches everything else, has no hostname. */
export const TUNNEL_CONFIGURATION = resultOf(
  v.pipe(
    fields({
      source: text,
      config: optional(
        fields({
          ingress: optional(
            v.array(
              fields({
                hostname: text,
                path: text,
                service: v.string(),
                originRequest,
              }),
            ),
          ),
          // For every rule that does not say otherwise.
          originRequest,
        }),
      ),
    }),
    v.check(({ source, config }) => source === "local" || config?.ingress !== undefined, "has no rules"),
  ),
);

export const WORKER_SETTINGS = resultOf(
  fields({
    compatibility_flags: v.array(v.string()),
    // Without this field, the cache is off.
    cache_options: optional(fields({ enabled: v.boolean() })),
  }),
);

export const WORKER_ADDRESSES = resultOf(fields({ enabled: v.boolean(), previews_enabled: v.boolean() }));

export const SECRET_NAMES = resultOf(v.array(fields({ name: v.string() })));

export const CUSTOM_DOMAINS = resultOf(
  v.array(fields({ hostname: lowerCase, service: v.nullish(v.string(), "") })),
);

/** Newest first. */
export const VERSIONS = resultOf(
  fields({
    items: v.array(
      fields({
        id: v.string(),
        annotations: optional(
          fields({ "workers/tag": text, "workers/message": text, "workers/triggered_by": text }),
        ),
      }),
    ),
  }),
);

/** The newest, which runs, comes first. */
export const DEPLOYMENTS = resultOf(
  fields({ deployments: v.array(fields({ versions: v.array(fields({ version_id: v.string() })) })) }),
);

const sums = v.array(fields({ sum: fields({ requests: v.number() }) }));

/** GraphQL has no envelope of the API's. */
export const USAGE = fields({
  data: fields({
    viewer: fields({
      accounts: v.tupleWithRest(
        [fields({ workersInvocationsAdaptive: sums, durableObjectsInvocationsAdaptiveGroups: sums })],
        v.unknown(),
      ),
    }),
  }),
});
