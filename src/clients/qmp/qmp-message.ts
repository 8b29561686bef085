import { DomsnapError } from "../../core/errors/index.js";
import { isRecord, tryParseJson } from "../../formats/json.js";

/** Something that happened to the guest or to a job. */
export interface QmpEvent {
  /** `STOP`, `RESUME`, `JOB_STATUS_CHANGE`... */
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** QEMU's clock when it happened, microseconds since the epoch. */
  readonly timeUs: number;
}

export type QmpMessage =
  | { readonly kind: "greeting" }
  | { readonly kind: "event"; readonly event: QmpEvent }
  | { readonly kind: "reply"; readonly id: unknown; readonly result: unknown }
  | {
      readonly kind: "failure";
      readonly id: unknown;
      readonly errorClass: string;
      readonly description: string;
    };

/** One line of QMP. Throws `tool-failed` for what is none. */
export function parseQmpMessage(line: string): QmpMessage {
  const message = tryParseJson(line);
  if (!isRecord(message)) throw notQmp(line);
  if ("return" in message) return { kind: "reply", id: message["id"], result: message["return"] };
  const { QMP: greeting, event, error } = message;
  if (typeof event === "string") return { kind: "event", event: parseEvent(event, message) };
  if (isRecord(greeting)) return { kind: "greeting" };
  if (!isRecord(error)) throw notQmp(line);
  return {
    kind: "failure",
    id: message["id"],
    errorClass: textOf(error["class"]),
    description: textOf(error["desc"]),
  };
}

function parseEvent(name: string, message: Readonly<Record<string, unknown>>): QmpEvent {
  const { data, timestamp } = message;
  const { seconds, microseconds } = recordOf(timestamp);
  return {
    name,
    data: recordOf(data),
    timeUs: numberOf(seconds) * 1_000_000 + numberOf(microseconds),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function notQmp(line: string): DomsnapError {
  return new DomsnapError(
    "tool-failed",
    `QEMU's monitor sent what is not QMP: ${JSON.stringify(line.slice(0, 80))}`,
  );
}
