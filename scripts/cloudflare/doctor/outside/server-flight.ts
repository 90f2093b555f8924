// Reads the server's first messages of a TLS 1.2 handshake, up to its ServerHelloDone: whether it asks for a
// client certificate, and which authorities it names (RFC 5246, sections 6.2.1, 7.2, 7.4 and 7.4.4). They
// are in clear text; in TLS 1.3 they are encrypted. Node has no API for these names.

export type ServerFlight =
  /** Not all of it is there yet. */
  | { kind: "incomplete" }
  | {
      kind: "complete";
      /** Names in DER, as sent; `null`: no certificate is asked for. */
      authorities: readonly Uint8Array[] | null;
    }
  /** The server refused: the number is that of the alert. */
  | { kind: "alert"; description: number }
  /** Not TLS 1.2, or not well formed. */
  | { kind: "unreadable" };

const ALERT = 21;
const HANDSHAKE = 22;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;
/** Certificates and names of an edge are a few kilobytes. */
const MAX_BYTES = 256 * 1024;

/** Reads all that came from the server since the connection was opened; what follows the flight is left unread. */
export function readServerFlight(received: Uint8Array): ServerFlight {
  const records = new Reader(received);
  const fragments: Uint8Array[] = [];
  /** Why there are no more messages; those before may be the whole flight. */
  let end: ServerFlight = { kind: "incomplete" };
  try {
    while (!records.isAtEnd() && end.kind === "incomplete") {
      const type = records.number(1);
      records.take(2); // the version
      const fragment = records.vector(2);
      if (type === HANDSHAKE) fragments.push(fragment);
      else if (type === ALERT) end = { kind: "alert", description: fragment[1] ?? 0 };
      else end = { kind: "unreadable" };
    }
  } catch (error) {
    if (!(error instanceof TooShort)) throw error;
    // The last record is not whole yet; the first one may not be TLS at all.
    const isTls = received[0] === HANDSHAKE || received[0] === ALERT;
    if (!isTls || received.length > MAX_BYTES) end = { kind: "unreadable" };
  }
  const flight = readMessages(new Uint8Array(Buffer.concat(fragments)));
  return flight.kind === "incomplete" ? end : flight;
}

/** A message may be spread over records, and a record may hold several. */
function readMessages(stream: Uint8Array): ServerFlight {
  const messages = new Reader(stream);
  let authorities: readonly Uint8Array[] | null = null;
  while (!messages.isAtEnd()) {
    let type: number;
    let body: Uint8Array;
    try {
      type = messages.number(1);
      body = messages.vector(3);
    } catch (error) {
      if (error instanceof TooShort) break;
      throw error;
    }
    if (type === SERVER_HELLO_DONE) return { kind: "complete", authorities };
    if (type !== CERTIFICATE_REQUEST) continue;
    const names = authoritiesIn(body);
    if (names === undefined) return { kind: "unreadable" };
    authorities = names;
  }
  return { kind: "incomplete" };
}

function authoritiesIn(certificateRequest: Uint8Array): Uint8Array[] | undefined {
  try {
    const request = new Reader(certificateRequest);
    request.vector(1); // certificate_types
    request.vector(2); // supported_signature_algorithms
    const list = new Reader(request.vector(2));
    const names: Uint8Array[] = [];
    while (!list.isAtEnd()) names.push(list.vector(2));
    return request.isAtEnd() ? names : undefined;
  } catch (error) {
    if (error instanceof TooShort) return undefined;
    throw error;
  }
}

class TooShort extends Error {}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new TooShort();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** Big-endian. */
  number(bytes: number): number {
    return this.take(bytes).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** A length of `lengthBytes` bytes, then that many bytes. */
  vector(lengthBytes: number): Uint8Array {
    return this.take(this.number(lengthBytes));
  }
}
