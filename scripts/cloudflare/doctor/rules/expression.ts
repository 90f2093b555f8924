// Reads a firewall rule's expression for one host, with three answers: `true` (every request of the host
// matches), `false` (none does), `undefined` (some may). Only comparisons of `http.host` are understood;
// every other term is `undefined`, which `and`, `or`, `xor` and `not` carry along. What cannot be parsed is
// `undefined` as a whole. So parentheses, white space, letter case and the two spellings of each operator
// make no difference: Cloudflare stores expressions without their outer parentheses.
// developers.cloudflare.com/ruleset-engine/rules-language/operators/

/** Whether the requests of a host match. */
export type Match = boolean | undefined;

export function matchesHost(expression: string, host: string): Match {
  const tokens = tokensOf(expression);
  if (tokens === undefined || tokens.length === 0) return undefined;
  try {
    return new Reader(tokens, host).whole();
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

class Unreadable extends Error {}

/** Comments are not part of the language; a raw string is `r"..."` or `r#"..."#`. */
const TOKEN =
  /\s*(r(#*)".*?"\2|"(?:[^"\\]|\\.)*"|&&|\|\||\^\^|==|!=|<=|>=|[(){}!<>~&,[\]]|[^\s"(){}!<>=~&|^,[\]]+)/sy;

function tokensOf(expression: string): string[] | undefined {
  const text = expression.trim();
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return undefined;
    tokens.push(isString(token) ? token : (SPELLINGS[token.toLowerCase()] ?? token.toLowerCase()));
  }
  return tokens;
}

/** One spelling for each operator. */
const SPELLINGS: Record<string, string> = {
  "&&": "and",
  "||": "or",
  "^^": "xor",
  "!": "not",
  "==": "eq",
  "!=": "ne",
};

const isString = (token: string) => token.startsWith('"') || /^r#*"/.test(token);

/** The value of a string; `undefined` for one with escapes, which no hostname needs. */
function stringIn(token: string | undefined): string | undefined {
  if (token === undefined || !isString(token)) return undefined;
  const [, raw] = /^r#*"(.*)"#*$/s.exec(token) ?? [];
  if (raw !== undefined) return raw;
  return token.includes("\\") ? undefined : token.slice(1, -1);
}

const CLOSING: Record<string, string> = { "(": ")", "{": "}", "[": "]" };
const JOINING = new Set(["and", "or", "xor"]);

/** `not` and parentheses, one within the other: more would exhaust the stack, and nobody writes them. */
const MAX_DEPTH = 200;

/** A parser by recursive descent: `not` binds tightest, then `and`, `xor`, `or`. */
class Reader {
  readonly #tokens: readonly string[];
  readonly #host: string;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[], host: string) {
    this.#tokens = tokens;
    this.#host = host;
  }

  whole(): Match {
    const found = this.#or();
    if (this.#at < this.#tokens.length) throw new Unreadable();
    return found;
  }

  #or(): Match {
    return this.#joined("or", () => this.#xor(), or);
  }

  #xor(): Match {
    return this.#joined("xor", () => this.#and(), xor);
  }

  #and(): Match {
    return this.#joined("and", () => this.#not(), and);
  }

  #joined(operator: string, operand: () => Match, join: (a: Match, b: Match) => Match): Match {
    let found = operand();
    while (this.#takes(operator)) found = join(found, operand());
    return found;
  }

  #not(): Match {
    if (++this.#depth > MAX_DEPTH) throw new Unreadable();
    const found = this.#negated();
    this.#depth--;
    return found;
  }

  #negated(): Match {
    if (this.#takes("not")) {
      const found = this.#not();
      return found === undefined ? undefined : !found;
    }
    if (this.#takes("(")) {
      const found = this.#or();
      if (!this.#takes(")")) throw new Unreadable();
      return found;
    }
    return termMatches(this.#term(), this.#host);
  }

  /** Up to the next `and`, `or`, `xor` or closing parenthesis outside the term's own brackets. */
  #term(): readonly string[] {
    const start = this.#at;
    const open: string[] = [];
    for (; this.#at < this.#tokens.length; this.#at++) {
      const token = this.#tokens[this.#at] ?? "";
      const closing = CLOSING[token];
      if (closing !== undefined) open.push(closing);
      else if (token === open.at(-1)) open.pop();
      else if (open.length === 0 && (JOINING.has(token) || token === ")")) break;
    }
    if (this.#at === start || open.length > 0) throw new Unreadable();
    return this.#tokens.slice(start, this.#at);
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}

/** One comparison. */
function termMatches(term: readonly string[], host: string): Match {
  const [first] = term;
  if (term.length === 1 && (first === "true" || first === "false")) return first === "true";
  const isLowered = term.slice(0, 4).join(" ") === "lower ( http.host )";
  if (!isLowered && first !== "http.host") return undefined;
  const [operator, ...operands] = term.slice(isLowered ? 4 : 1);
  if (operator === "eq" || operator === "ne") {
    const found = operands.length === 1 ? isHost(stringIn(operands[0]), host) : undefined;
    return found === undefined || operator === "eq" ? found : !found;
  }
  if (operator !== "in" || operands[0] !== "{" || operands.at(-1) !== "}") return undefined;
  return operands.slice(1, -1).reduce<Match>((found, each) => or(found, isHost(stringIn(each), host)), false);
}

/** Whether Cloudflare compares the host with or without regard to letter case is not documented. */
function isHost(value: string | undefined, host: string): Match {
  if (value === host) return true;
  return value === undefined || value.toLowerCase() === host ? undefined : false;
}

function and(a: Match, b: Match): Match {
  if (a === false || b === false) return false;
  return a === true && b === true ? true : undefined;
}

function or(a: Match, b: Match): Match {
  if (a === true || b === true) return true;
  return a === false && b === false ? false : undefined;
}

function xor(a: Match, b: Match): Match {
  return a === undefined || b === undefined ? undefined : a !== b;
}
