// What is said of an app: the shape of a row of the catalogue.
import type { AppName } from "./names.ts";

/** How many of an app's clients can carry a credential. */
export type Carried = "yes" | "some" | "no" | "not known";

/** With a note that says which clients. */
export type Carrier = readonly [carried: Carried, note?: string];

/** The ways to show the gate who is asking, and what people call them. */
export const CREDENTIALS = {
  certificate: "Client certificate",
  header: "Device token in a header",
  basic: "Device token as HTTP Basic's password",
  feed: "Feed URL",
} as const;
export type CredentialName = keyof typeof CREDENTIALS;

export interface AppRow {
  /** As it is written in `APPS`: `profile = "immich"`. */
  name: AppName;
  /** As its authors write it. */
  title: string;
  /** Words of hostnames that people give it, besides its name. */
  hosts: readonly string[];
  /** What its clients are called in the log (`clientName`). */
  programs: readonly string[];
  credentials: Readonly<Record<CredentialName, Carrier>>;
  /** Paths that pages or people may need without a credential. They are suggested, never opened by themselves. */
  public: readonly { path: string; why: string }[];
  /** Why CORS preflights must pass; `null`: it is not known that they must. */
  preflight: string | null;
  /** What helps where a client can carry nothing. */
  instead: string;
  /** What else people stumble over: sentences. */
  notes: readonly string[];
  /** Threads on GitHub (`owner/repository#number`), addresses, and documents of ours (`docs/answers.md`). */
  sources: readonly string[];
}
