import type { Plan, Step } from "./step.ts";

/** What hears of the steps. */
export interface Listener {
  before(step: Step): void;
}

/** Whether anything is to be done. */
export function isDone({ steps }: Pick<Plan, "steps">): boolean {
  return steps.every(({ change }) => change === null);
}

/** Does the steps, one after the other. A failure ends it: the next run goes on from there. */
export async function carryOut({ steps }: Pick<Plan, "steps">, listener: Listener): Promise<void> {
  for (const step of steps) {
    if (step.change !== null) listener.before(step);
    await step.apply();
  }
}
