/** One thing that setup sees to. It can be done again without harm, and looks again before it acts. */
export interface Step {
  /** A name for programs and tests, such as `route vault.example.com`. */
  id: string;
  /** What is there now. One line, lower case, no full stop. */
  found: string;
  /** What will be changed; `null` when it is as it should be. */
  change: string | null;
  /** Called for every step once anything is to be changed: an earlier step may have undone this one. */
  apply(): Promise<void>;
}

/** What setup would do, in the order in which it does it. */
export interface Plan {
  steps: readonly Step[];
  /** What a person has to do, or look at: reason and remedy. */
  byHand: readonly { reason: string; remedy: string }[];
  /** What `wrangler.toml` says when all is done: what a dry run has wrangler check. */
  text: string;
}

/** A step that finds everything as it should be. */
export const settled = (id: string, found: string): Step => ({
  ...{ id, found, change: null },
  apply: async () => undefined,
});
