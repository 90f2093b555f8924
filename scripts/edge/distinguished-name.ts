// No I/O. No clock.
//
// Node writes a name as lines, in the certificate's order, with values escaped as in RFC 2253:
// `C=US\nO=Cloudflare\, Inc.`; the parts of a multi-valued line are joined with ` + `.

/** `CN=James,O=Cloudflare\, Inc.,C=US`: OpenSSL's `XN_FLAG_RFC2253`. */
export function rfc2253Name(lines: string | undefined): string {
  return splitLines(lines)
    .reverse()
    .map((line) => parts(line).join("+"))
    .map((text) => escapeBytes(text, (hex) => `\\${hex}`))
    .join(",");
}

/** `/C=US/O=Cloudflare, Inc./CN=James`: OpenSSL's `X509_NAME_oneline`. */
export function legacyName(lines: string | undefined): string {
  return splitLines(lines)
    .flatMap(parts)
    .map((part) => `/${escapeBytes(unescape2253(part), (hex) => `\\x${hex}`)}`)
    .join("");
}

function splitLines(lines: string | undefined): string[] {
  return lines ? lines.split("\n") : [];
}

/** A literal plus sign in a value is escaped, so an unescaped one joins parts. */
function parts(line: string): string[] {
  return line.split(/(?<!\\) \+ /);
}

/** `\,` stands for a comma, `\0A` for a line feed. */
function unescape2253(text: string): string {
  return text.replace(/\\([0-9A-F]{2}|.)/g, (_, escaped: string) =>
    escaped.length === 2 ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped,
  );
}

/** Everything outside of printable ASCII, byte by byte in UTF-8. */
function escapeBytes(text: string, write: (hex: string) => string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) =>
    [...Buffer.from(character, "utf8")]
      .map((byte) => write(byte.toString(16).toUpperCase().padStart(2, "0")))
      .join(""),
  );
}
