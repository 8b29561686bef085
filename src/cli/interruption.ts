import { EXIT } from "../core/errors/index.js";
import type { SignalSource } from "./io.js";

export interface Interruption {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Leaves signals to their defaults again. */
  readonly stop: () => void;
}

/** The first Ctrl-C lets the running command roll back, the second ends the process. */
export function watchSignals(options: {
  readonly signals?: SignalSource;
  readonly exit?: (status: number) => void;
}): Interruption {
  const { signals, exit } = options;
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) exit?.(EXIT.interrupted);
    else controller.abort();
  };
  signals?.on("SIGINT", interrupt);
  signals?.on("SIGTERM", interrupt);
  return {
    signal: controller.signal,
    stop: () => {
      signals?.off("SIGINT", interrupt);
      signals?.off("SIGTERM", interrupt);
    },
  };
}
