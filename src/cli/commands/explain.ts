import { ERROR_CATALOGUE, type ErrorCode, type ErrorKind } from "../../core/errors/index.js";
import { usageError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { formatInfo } from "../render/info.js";
import { formatTable } from "../render/table.js";

export const explain = defineCommand({
  name: "explain",
  group: "domsnap",
  summary: "explain an error code, or list all",
  options: [
    { name: "code", kind: "string", summary: "the code of an error", completes: "error-code" },
  ],
  examples: [
    { line: "domsnap explain revert-risky", summary: "What the error means and what to do." },
  ],
  changes: false,
  run({ args }) {
    const code = args.text("code");
    if (code === undefined) return listCodes();
    if (!isErrorCode(code))
      throw usageError(
        `unknown error code '${code}'`,
        "Run 'domsnap explain' for the list of codes.",
      );
    const kind: ErrorKind = ERROR_CATALOGUE[code];
    const text = formatInfo([
      ["Code", code],
      ["Meaning", kind.summary],
      ["Next step", kind.advice],
      ["Exit status", String(kind.exitStatus)],
      ...(kind.libvirtNumber === undefined
        ? []
        : [["libvirt error", String(kind.libvirtNumber)] as const]),
    ]);
    return { text, data: { code, ...kind } };
  },
});

function listCodes() {
  const kinds = Object.entries<ErrorKind>(ERROR_CATALOGUE);
  const rows = kinds.map(([code, { summary }]) => [code, summary]);
  return {
    text: formatTable(["Code", "Meaning"], rows),
    data: kinds.map(([code, kind]) => ({ code, ...kind })),
  };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, code);
}
