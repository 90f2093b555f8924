import * as v from "valibot";
import { ApiError, fieldErrors } from "../contract/api-error.ts";
import { MAX_BODY_BYTES } from "../contract/limits.ts";

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/**
 * Reads a request's JSON body and checks it. A request without a body reads as `{}`.
 * Throws `wrong-content-type`, `body-too-large`, `malformed-json` or `invalid-fields`.
 */
export async function readBody<Schema extends v.GenericSchema>(
  request: Request,
  schema: Schema,
  maxBytes = MAX_BODY_BYTES,
): Promise<v.InferOutput<Schema>> {
  const text = await readText(request, maxBytes);
  if (text !== "" && !JSON_TYPE.test(request.headers.get("content-type") ?? "")) {
    throw new ApiError("wrong-content-type");
  }
  const value = text === "" ? {} : parseJson(text);
  // valibot accepts a list as an object without fields.
  const parsed = v.safeParse(schema, Array.isArray(value) ? null : value);
  if (parsed.success) return parsed.output;
  throw new ApiError("invalid-fields", undefined, {
    errors: fieldErrors(parsed.issues),
  });
}

/** Reads no further than the limit, even if a body lies about its length. */
export async function readText(request: Request, maxBytes = MAX_BODY_BYTES): Promise<string> {
  if (request.body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) {
        throw new ApiError("body-too-large", `a body has at most ${maxBytes} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    throw error instanceof TypeError ? new ApiError("malformed-json", "the body is not UTF-8") : error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError("malformed-json");
  }
}

/** Reads a query by its schema; parameters that it does not name are ignored. Throws `invalid-query`. */
export function readQuery<Schema extends v.GenericSchema>(url: URL, schema: Schema): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, Object.fromEntries(url.searchParams));
  if (parsed.success) return parsed.output;
  throw new ApiError("invalid-query", undefined, {
    errors: fieldErrors(parsed.issues),
  });
}
