import { readFileSync } from "node:fs";
import {
  EVENTS,
  FRAME_STATUS,
  FRAME_TYPE,
  FrameReader,
  PROCEDURES,
  PROGRAM,
  wireError,
  type Codec,
  type Frame,
} from "../../../src/rpc/index.js";
import type { RecordedFrame } from "./recorder.js";

export interface GoldenFrame extends RecordedFrame {
  readonly frame: Frame;
  /** Missing for calls that domsnap does not speak. */
  readonly codec?: Codec<unknown>;
}

/** What a real client and a real libvirtd said: see test/rpc/make-golden.ts. */
export function goldenFrames(client: "virsh" | "python"): GoldenFrame[] {
  const file = new URL(`../../../fixtures/rpc/${client}.frames`, import.meta.url);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [from = "", hex = ""] = line.split(" ");
    const [frame] = new FrameReader().push(Buffer.from(hex, "hex"));
    if (!frame || (from !== "client" && from !== "server")) throw new Error(`bad line: ${line}`);
    const codec = payloadCodec(frame);
    return { from, hex, frame, ...(codec && { codec }) };
  });
}

function payloadCodec({ program, procedure, type, status }: Frame): Codec<unknown> | undefined {
  if (program !== PROGRAM.remote) return undefined;
  if (status === FRAME_STATUS.error) return wireError;
  if (type === FRAME_TYPE.message)
    return Object.values(EVENTS).find(({ number }) => number === procedure)?.body;
  const entry = Object.values(PROCEDURES).find(({ number }) => number === procedure);
  return type === FRAME_TYPE.call ? entry?.args : entry?.result;
}
