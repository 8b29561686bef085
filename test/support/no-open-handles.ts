import { setTimeout as sleep } from "node:timers/promises";
import { patience } from "../../scripts/test-run/patience.cjs";

/** How long what was just closed may take. */
const CLOSING_MS = 10_000;
/** What would keep the program from ending: servers, connections, programs, watched files. */
const KEPT_OPEN = /^(Pipe|PipeServer|TCP|TCPServer|TCPSocket|Process|FSEvent)Wrap$/;

let atFirst: readonly string[] = [];

function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => KEPT_OPEN.test(name));
}

/** Fails the run when a test has left something open, instead of a run that never ends. */
export const mochaHooks = {
  beforeAll(): void {
    // They are opened when they are looked at.
    expectStreams(process.stdout, process.stderr);
    atFirst = openHandles();
  },
  async afterAll(): Promise<void> {
    const deadlineMs = performance.now() + patience(CLOSING_MS);
    while (openHandles().length > atFirst.length && performance.now() < deadlineMs) await sleep(50);
    const left = openHandles();
    if (left.length > atFirst.length)
      throw new Error(`the tests leave open: ${left.join(", ")}; at first: ${atFirst.join(", ")}`);
  },
};

function expectStreams(...streams: readonly NodeJS.WriteStream[]): void {
  if (streams.some(({ writable }) => !writable)) throw new Error("there is no output");
}
