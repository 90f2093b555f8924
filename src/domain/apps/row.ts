// The shape of a row of the catalogue of apps.
import type { AppName } from "./names.ts";

/** How many of an app's clients can show a credential. */
export type Carried = "yes" | "some" | "no" | "not known";

/** The note says which clients. */
export type Carrier = readonly [carried: Carried, note?: string];

/** What a client can show the gate, as people call it. */
export const CREDENTIALS = {
  certificate: "Client certificate",
  header: "Device token in a header",
  basic: "Device token as the HTTP Basic password",
  feed: "Feed URL",
} as const;
export type CredentialName = keyof typeof CREDENTIALS;

export interface AppRow {
  /** As it is written in `APPS`: `profile = "immich"`. */
  name: AppName;
  /** As its authors write it. */
  title: string;
  /** Words that people use in its hostname, besides its name. */
  hosts: readonly string[];
  /** What its clients are called in the log (`clientName`). */
  programs: readonly string[];
  credentials: Readonly<Record<CredentialName, Carrier>>;
  /** Paths that pages or people may need without a credential. They are only suggested, never opened automatically. */
  public: readonly { path: string; why: string }[];
  /** Why CORS preflights must pass; `null`: as far as we know, they needn't. */
  preflight: string | null;
  /** What to use if a client can show nothing. */
  instead: string;
  /** Other pitfalls, as sentences. */
  notes: readonly string[];
  /** GitHub threads (`owner/repository#number`), URLs, and our own documents (`docs/answers.md`). */
  sources: readonly string[];
}
