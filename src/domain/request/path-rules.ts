// Which paths of an app need no certificate.

/**
 * Paths that an app lets through without a certificate. A pattern is an exact path, or one that
 * ends with `/*` and stands for everything below. Compared as they are, case included.
 */
export interface PathRules {
  exact: ReadonlySet<string>;
  /** Each ends with a slash. */
  below: readonly string[];
}

export const NO_PATHS: PathRules = { exact: new Set(), below: [] };

/**
 * A path that every server reads the same way: segments of unreserved characters (RFC 3986), a few
 * harmless sub-delimiters, and percent-encoded spaces and non-ASCII letters. What an app may
 * decode, cut or collapse (`%2e`, `%2f`, `%25`, `\`, `;`, `//`) is ambiguous.
 */
const PLAIN_PATH = /^(?:\/(?:[A-Za-z0-9\-._~!$'()+,=:@&]|%20|%[89A-Fa-f][0-9A-Fa-f])*)+$/;
/** A segment of nothing but dots, spaces and what is not seen: some servers trim it to `..` or to nothing. */
const NAMELESS = /\/[.\s\p{Cf}\p{Default_Ignorable_Code_Point}]*(?:\/|$)/u;
/** What code pages turn into slashes and backslashes ("best fit"), which NFKC leaves alone; and controls. */
const LIKE_A_SLASH = /[\u00a5\u20a9\u2044\u2215\u2216\u29f5\u29f8\u29f9\p{Cc}]/u;
/** Encoded paths that are longer are not plain: composing Unicode is quadratic in combining marks. */
const ENCODED_MAX = 2_000;

/**
 * Whether a path, as it came in, can be compared at all. One that ends with a slash can; one with
 * an empty segment or one of dots and spaces anywhere else cannot. What is encoded must be UTF-8 (RFC
 * 3629: no overlong forms) and its own compatibility form (NFKC), since some servers compose it: a
 * full-width `．．／` becomes `../../`.
 */
export function isPlainPath(path: string): boolean {
  if (path === "/") return true;
  const withoutSlash = path.endsWith("/") ? path.slice(0, -1) : path;
  if (!PLAIN_PATH.test(withoutSlash)) return false;
  const decoded = withoutSlash.includes("%") ? decode(withoutSlash) : withoutSlash;
  return decoded !== undefined && !NAMELESS.test(decoded);
}

function decode(path: string): string | undefined {
  if (path.length > ENCODED_MAX) return undefined;
  try {
    const decoded = decodeURIComponent(path);
    return decoded.normalize("NFKC") === decoded && !LIKE_A_SLASH.test(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with a pattern, as a sentence, or `undefined`. */
export function pathPatternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith("/")) return "must begin with a slash";
  const path = pattern.endsWith("/*") ? pattern.slice(0, -1) : pattern;
  if (path === "/" && pattern !== path) return "would let everything through";
  if (path.includes("*")) return "takes a * as its whole last segment only, as in /share/*";
  if (!isPlainPath(path)) return "must be a plain path, without %2e, %2f, //, . or .. segments, ; or a query";
  return undefined;
}

/** Makes rules of patterns that have no problem. */
export function pathRules(patterns: readonly string[]): PathRules {
  return {
    exact: new Set(patterns.filter((pattern) => !pattern.endsWith("/*"))),
    below: patterns.filter((pattern) => pattern.endsWith("/*")).map((pattern) => pattern.slice(0, -1)),
  };
}

/**
 * Whether a request may pass for its path alone. `rawUrl` is the request's URL as it came in and
 * `pathname` the path that the URL parser made of it: where the two differ, somebody plays with
 * dots or slashes, and the app may read the path differently than we do.
 */
export function isPublicPath(rules: PathRules, rawUrl: string, pathname: string): boolean {
  if (!hasPaths(rules)) return false;
  if (!isPlainPath(pathname) || rawPathOf(rawUrl) !== pathname) return false;
  return rules.exact.has(pathname) || rules.below.some((folder) => pathname.startsWith(folder));
}

/** Whether there is any path in these rules. */
export function hasPaths({ exact, below }: PathRules): boolean {
  return exact.size > 0 || below.length > 0;
}

/** The path of an absolute URL as it is written, before any parser has made it nicer. */
function rawPathOf(url: string): string {
  const afterHost = url.replace(/^[a-z]+:\/\/[^/?#\\]*/i, "");
  return afterHost.replace(/[?#].*$/s, "");
}
