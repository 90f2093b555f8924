// What the probe's Worker reports about a request.
import * as v from "valibot";

const SIGHT = v.object({
  prove: v.literal(1),
  tlsClientAuth: v.nullable(v.record(v.string(), v.unknown())),
  tlsVersion: v.optional(v.string(), ""),
  httpProtocol: v.optional(v.string(), ""),
  colo: v.optional(v.string(), ""),
  bytes: v.number(),
  headers: v.array(v.string()),
});

export type Sight = v.InferOutput<typeof SIGHT>;

export function parseSight(text: string): Sight | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(SIGHT, body);
  return parsed.success ? parsed.output : undefined;
}

/** One field of `tlsClientAuth`, if it is a string. */
export function fieldOf({ tlsClientAuth }: Sight, name: string): string | undefined {
  const value = tlsClientAuth?.[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether the gate would let it pass: the rule of `src/domain/request/certificate.ts`. */
export function isVerified(sight: Sight): boolean {
  return (
    fieldOf(sight, "certPresented") === "1" &&
    fieldOf(sight, "certVerified") === "SUCCESS" &&
    fieldOf(sight, "certRevoked") === "0"
  );
}

export function isPresented(sight: Sight): boolean {
  return fieldOf(sight, "certPresented") === "1";
}
