// No I/O. No clock.
import type { Token } from "../../../src/contract/requests.ts";
import { deviceNameKey } from "../../../src/domain/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed } from "../../terminal/failure.ts";
import { nearest, printable, shellWord } from "../../terminal/text.ts";
import { findById, parseIdPrefix } from "../command/id-reference.ts";

// `alice/laptop`, or `*/grafana` of one that reads everything: as the audit log names them.
export function tokenLabel({ user, name }: Pick<Token, "user" | "name">): string {
  return printable(`${user ?? "*"}/${name}`);
}

/**
 * The token that the caller names: `alice/laptop`, or `laptop` alone, in any case; else its id, or the
 * first characters of it.
 */
export function findToken(tokens: readonly Token[], reference: string): Token {
  const [found, ...others] = byName(tokens, reference);
  if (found === undefined) return byId(tokens, reference);
  if (others.length === 0) return found;
  throw failed(
    `${others.length + 1} tokens are named '${printable(reference)}'`,
    "name the one you mean by its id",
    [found, ...others].map((token) => `${printable(token.id)}  ${tokenLabel(token)}`),
  );
}

/** As it is written before any case, with its user before without: the API tells `Laptop` from `laptop`. */
function byName(tokens: readonly Token[], reference: string): Token[] {
  const whole = ({ user, name }: Token) => `${user ?? "*"}/${name}`;
  const key = deviceNameKey(reference);
  const rules: ((token: Token) => boolean)[] = [
    (token) => whole(token) === reference,
    (token) => deviceNameKey(whole(token)) === key,
    ({ name }) => name === reference,
    ({ name }) => deviceNameKey(name) === key,
  ];
  return rules.map((fits) => tokens.filter(fits)).find((found) => found.length > 0) ?? [];
}

function byId(tokens: readonly Token[], reference: string): Token {
  const id = parseIdPrefix(reference);
  if (id !== undefined) {
    return findById<Token>(tokens, id, {
      one: "token",
      many: "tokens",
      list: `${LATCHKEY} token`,
      describe: tokenLabel,
    });
  }
  const near = nearest(
    reference,
    tokens.flatMap((token) => [token.name, tokenLabel(token)]),
  );
  throw failed(
    `there is no token '${printable(reference)}'`,
    near.length === 0
      ? `list the tokens with: ${LATCHKEY} token`
      : `did you mean ${near.map(shellWord).join(" or ")}`,
  );
}
