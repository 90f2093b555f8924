// What brings a signed-in person from the ADMIN_HOST to an app's host: sealed, for one browser, once.
import type { Sealer } from "../../auth/sealed.ts";
import { type Opener, TICKET_MS } from "../../domain/browser.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";
import type { UserId } from "../../domain/user.ts";
import type { Destination } from "./destination.ts";

const PURPOSE = "ticket";

export interface Ticket {
  id: string;
  user: UserId;
  /** The browser's secret, as it is for the `ADMIN_HOST`. */
  secret: string;
  /** The key of the device whose place it takes, as that is signed out. */
  former: CredentialKey | null;
  destination: Extract<Destination, { kind: "app" }>;
  opener: Opener;
  /** When the person authenticated, as far as the provider said. */
  authTime: number | null;
  /** Until then it can be used. */
  endsAt: number;
}

export function sealTicket(sealer: Sealer, now: number, ticket: Omit<Ticket, "endsAt">): Promise<string> {
  return sealer.seal(PURPOSE, { ...ticket, endsAt: now + TICKET_MS } satisfies Ticket, TICKET_MS);
}

/** `undefined`: it is none of ours, or its time is up. */
export function openTicket(sealer: Sealer, sealed: string): Promise<Ticket | undefined> {
  return sealer.open<Ticket>(PURPOSE, sealed);
}
