import { DomsnapError, type ErrorCode } from "../../core/errors/index.js";

interface KnownFailure {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly detail: (words: RegExpExecArray) => string;
  readonly hint?: string;
}

/** Lines of xl and libxl, with what they mean for the caller. */
const KNOWN: readonly KnownFailure[] = [
  {
    pattern: /^(.+) is an invalid domain identifier/,
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
    hint: "Give it Xen's drivers, and do not pause it.",
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
    pattern:
      /File has wrong magic number|File has wrong byte order|Savefile truncated|Failed to read \d+ bytes of data for record/,
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
    hint: "Run it as root in dom0, and see that xenstored runs.",
  },
];

/** Lines that tell about the work and not about its failure. */
const CHATTER =
  /^(xc: (info|progress)|Saving to|Loading new save file| ?Savefile contains|Parsing config)/;
/** How many of xl's last lines go into a message; the first of an avalanche says most. */
const MAX_LINES = 3;

/** The error for an xl that failed, from its words: the first line that is known tells why. */
export function xlFailure(command: string, stderr: string): DomsnapError {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !CHATTER.test(line));
  for (const line of lines)
    for (const { pattern, code, detail, hint } of KNOWN) {
      const words = pattern.exec(line);
      if (words) return new DomsnapError(code, detail(words), hint === undefined ? {} : { hint });
    }
  const words = lines.slice(0, MAX_LINES).join("; ") || "it gave no reason";
  return new DomsnapError("tool-failed", `xl ${command}: ${words}`);
}
