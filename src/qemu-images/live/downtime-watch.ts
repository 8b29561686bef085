import type { QmpClient } from "../../clients/qmp/index.js";

/** Measures how long a guest is paused, by QEMU's own clock. */
export interface DowntimeWatch {
  /** Milliseconds between the first STOP and the last RESUME; 0 when it never was paused. */
  readonly downtimeMs: number;
  stop(): void;
}

/** Begins to watch; `pausedAtUs` is the time of an earlier STOP that still holds. */
export function watchDowntime(client: QmpClient, pausedAtUs?: number): DowntimeWatch {
  let stopUs = pausedAtUs;
  let resumeUs: number | undefined;
  const stop = client.subscribe(({ name, timeUs }) => {
    if (name === "STOP") stopUs ??= timeUs;
    if (name === "RESUME") resumeUs = timeUs;
  });
  return {
    get downtimeMs() {
      if (stopUs === undefined || resumeUs === undefined) return 0;
      return Math.max(0, resumeUs - stopUs) / 1000;
    },
    stop,
  };
}
