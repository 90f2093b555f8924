// What Cloudflare's answers must hold for the calls that only `prove` makes.
import * as v from "valibot";
import { fields, resultOf } from "../client/answers.ts";

/** A record, with the comment that shows whose it is. */
export const OWNED_RECORD = fields({
  id: v.string(),
  name: v.string(),
  comment: v.nullish(v.string(), ""),
});

export const WORKER = fields({ id: v.string() });

export const CERTIFICATE_STATUS = resultOf(fields({ status: v.string() }));

/** A slice of the list of client certificates, and the length of the whole list, if it is reported. */
export const CERTIFICATE_SLICE = fields({
  success: v.literal(true),
  result: v.array(fields({ id: v.string() })),
  result_info: v.nullish(fields({ total_count: v.unknown() })),
});

/** Newest first. Whether there are annotations is what is asked. */
export const VERSIONS = resultOf(
  fields({
    items: v.array(fields({ annotations: v.nullish(v.record(v.string(), v.unknown()), {}) })),
  }),
);
