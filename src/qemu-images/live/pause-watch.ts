import type { QmpClient } from "../../clients/qmp/index.js";

/** Measures how long a guest stands still, by QEMU's own clock. */
export interface PauseWatch {
  /** Milliseconds between the first STOP and the last RESUME; 0 when it never stood still. */
  readonly pauseMs: number;
  stop(): void;
}

/** Begins to watch; `stoppedAtUs` is the time of an earlier STOP that still holds. */
export function watchPause(client: QmpClient, stoppedAtUs?: number): PauseWatch {
  let stopUs = stoppedAtUs;
  let resumeUs: number | undefined;
  const stop = client.subscribe(({ name, timeUs }) => {
    if (name === "STOP") stopUs ??= timeUs;
    if (name === "RESUME") resumeUs = timeUs;
  });
  return {
    get pauseMs() {
      if (stopUs === undefined || resumeUs === undefined) return 0;
      return Math.max(0, resumeUs - stopUs) / 1000;
    },
    stop,
  };
}
