// The catalogue of apps: every row in full, in the order of the names.
import { APP_NAMES, type AppName } from "./names.ts";
import type { AppRow, Carrier } from "./row.ts";
import { KNOWN } from "./rows.ts";

const NOT_KNOWN: Carrier = ["not known"];

/** An app's row. */
export function rowOf(name: AppName): AppRow {
  const { credentials, ...known } = KNOWN[name];
  return {
    name,
    ...{ hosts: [], programs: [known.title], public: [], preflight: null, notes: [], ...known },
    credentials: {
      ...{ certificate: NOT_KNOWN, header: NOT_KNOWN, basic: NOT_KNOWN, feed: NOT_KNOWN },
      ...credentials,
    },
  };
}

export const CATALOGUE: readonly AppRow[] = APP_NAMES.map(rowOf);
