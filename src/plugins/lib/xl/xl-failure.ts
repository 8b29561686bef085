import { DomsnapError, type ErrorCode } from "../../../core/errors/index.js";

interface KnownFailure {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly detail: (words: RegExpExecArray) => string;
  readonly hint?: string;
}

/** What xl and libxl say, with what it means for the caller; the first that fits counts. */
const KNOWN: readonly KnownFailure[] = [
  {
    pattern: /^(.+) is an invalid domain identifier/m,
    code: "no-domain",
    detail: ([, name = ""]) => `no domain with matching name '${name}'`,
  },
  {
    pattern:
      /Domain '(\d+)' does not exist|unable to find domain info for domain (\d+)|Domain (\d+):(?:Non-existant domain|Pausing domain: No such process)|get domain type for domid=(\d+)/,
    code: "no-domain",
    detail: ([, ...ids]) => `no domain with matching id ${ids.find(Boolean) ?? ""}`,
  },
  {
    pattern: /Domain with name "(.+)" already exists/,
    code: "operation-invalid",
    detail: ([, name = ""]) => `domain '${name}' is already active`,
  },
  {
    pattern: /guest didn't acknowledge suspend|guest did not suspend, timed out/,
    code: "operation-failed",
    detail: () => "the guest did not answer the request to suspend itself, and goes on",
    hint: "It needs Xen's drivers for that, and must not be paused.",
  },
  {
    pattern: /No space left on device/,
    code: "no-space",
    detail: () => "no space left for the memory of the domain",
  },
  {
    pattern: /Can't open restore file: (.+)/,
    code: "image-missing",
    detail: ([, reason = ""]) => `cannot open the memory file: ${reason}`,
  },
  {
    pattern: /File has wrong magic number|File has wrong byte order|Savefile truncated/,
    code: "operation-failed",
    detail: () => "the file is not a complete memory file of xl",
  },
  {
    pattern: /Savefile has mandatory flag\(s\) (\S+) which are not supported/,
    code: "config-unsupported",
    detail: ([, flags = ""]) => `the memory file is from a newer xl (flags ${flags})`,
  },
  {
    pattern: /cannot init xl context|xenstore connection/i,
    code: "operation-failed",
    detail: () => "xl cannot reach Xen and its daemons",
    hint: "Are you root in dom0, and does xenstored run?",
  },
];

/** Lines that tell about the work and not about its failure. */
const CHATTER =
  /^(xc: (info|progress)|Saving to|Loading new save file| ?Savefile contains|Parsing config)/;
/** How many of xl's last lines go into a message; the first of an avalanche says most. */
const MAX_LINES = 3;

/** The error for an xl that failed, from its words. */
export function xlFailure(command: string, stderr: string): DomsnapError {
  for (const { pattern, code, detail, hint } of KNOWN) {
    const words = pattern.exec(stderr);
    if (words) return new DomsnapError(code, detail(words), hint === undefined ? {} : { hint });
  }
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !CHATTER.test(line));
  const words = lines.slice(0, MAX_LINES).join("; ") || "it gave no reason";
  return new DomsnapError("tool-failed", `xl ${command}: ${words}`);
}
