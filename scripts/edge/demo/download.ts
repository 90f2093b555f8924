import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const BLOCK_BYTES = 64 * 1024;
const DEFAULT_SIZE_BYTES = 10 * 1024 * 1024;
/** Larger ones prove no more, and fill disks. */
export const MAX_SIZE_BYTES = 1024 * 1024 * 1024;

const PATTERN = makePattern();

/** Bytes without a period that a mistake could hide in. */
function makePattern(): Buffer {
  const parts: Buffer[] = [];
  let last = Buffer.from("latchkey");
  for (let length = 0; length < BLOCK_BYTES; length += last.length) {
    last = createHash("sha256").update(last).digest();
    parts.push(last);
  }
  return Buffer.concat(parts);
}

/**
 * The download's bytes from `start` to before `end`, the same on every call: blocks of one pattern,
 * each beginning with its own number, so that a block lost, doubled or moved shows.
 */
export function* downloadBytes(start: number, end: number): Generator<Buffer> {
  for (let index = Math.floor(start / BLOCK_BYTES); index * BLOCK_BYTES < end; index++) {
    const block = Buffer.from(PATTERN);
    block.writeBigUInt64BE(BigInt(index));
    const from = index * BLOCK_BYTES;
    yield block.subarray(Math.max(start - from, 0), Math.min(end - from, BLOCK_BYTES));
  }
}

/** `GET /download?size=BYTES`, with ranges (RFC 9110, section 14) and an entity tag. */
export async function download(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const size = parseSize(url.searchParams.get("size"));
  if (size === undefined) {
    response
      .writeHead(400, { "Content-Type": "text/plain" })
      .end(`size is a number up to ${MAX_SIZE_BYTES}\n`);
    return;
  }
  const etag = `"demo-${size}"`;
  const headers = { "Accept-Ranges": "bytes", ETag: etag };
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const ifRange = request.headers["if-range"];
  const asked = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
  const range = parseRange(asked, size);
  if (range === "unsatisfiable") {
    response.writeHead(416, { ...headers, "Content-Range": `bytes */${size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    "Content-Type": "application/octet-stream",
    "Content-Length": end - start,
    ...(range === undefined ? {} : { "Content-Range": `bytes ${start}-${end - 1}/${size}` }),
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  await pipeline(Readable.from(downloadBytes(start, end)), response);
}

function parseSize(text: string | null): number | undefined {
  if (text === null) return DEFAULT_SIZE_BYTES;
  const size = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return size <= MAX_SIZE_BYTES ? size : undefined;
}

/** One range, `end` exclusive. Several ranges, or an invalid one, get the whole, as the RFC allows. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = header === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(header);
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size };
  }
  const start = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Number(match[2]);
  if (match[2] !== "" && last < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end: Math.min(last + 1, size) };
}
