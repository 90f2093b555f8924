import { failed } from "../../terminal/failure.ts";

/** Ctrl-C during steps that must be undone when they are not completed. */
export interface Interruption {
  /** Between two steps: ends the command when it was interrupted meanwhile. */
  check(): void;
  /** Aborted by the first signal: for steps that take long. */
  readonly signal: AbortSignal;
  end(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** From now on the first signal waits for `check`; a second one ends the process immediately, as always. */
export function watchForInterruption(): Interruption {
  const controller = new AbortController();
  const end = () => {
    for (const signal of SIGNALS) process.off(signal, stop);
  };
  const stop = () => {
    end();
    process.stderr.write("interrupted: undoing what was done; interrupt again to end immediately\n");
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return {
    signal: controller.signal,
    check() {
      if (controller.signal.aborted) throw failed("interrupted", "run the command again when you are ready");
    },
    end,
  };
}
