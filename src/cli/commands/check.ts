import { EXIT } from "../../core/errors/index.js";
import type { CheckReport } from "../../core/operations/shared/results.js";
import { FINDINGS, type Finding, type Repair } from "../../core/rules/index.js";
import { defineCommand, type CommandContext, type CommandResult } from "../command-spec.js";
import { safeText } from "../render/display-text.js";
import { bool, DOMAIN, YES } from "./common-options.js";
import { isConfirmed, notConfirmed } from "./confirm.js";

export const check = defineCommand({
  name: "check",
  group: "domsnap",
  summary: "compare records, images and domains, and repair what can be",
  description:
    "Looks for what does not fit together: records that cannot be read, images that are missing,\n" +
    "internal snapshots that are not where a record says, overlays nobody knows, leftovers, files\n" +
    "that others may read. Changes nothing without --repair, which lists what it would do and asks\n" +
    "first. Images are never removed, only incomplete files of attempts that were given up.\n\n" +
    "The exit status is 1 when errors or warnings are left.",
  options: [
    { ...DOMAIN, required: false },
    bool("repair", "repair what can be, after confirmation"),
    YES,
  ],
  examples: [
    { line: "domsnap check", summary: "Check every domain." },
    { line: "domsnap check vm1 --repair", summary: "Check one domain and repair it." },
  ],
  changes: true,
  async run(context) {
    const service = await context.service();
    const domain = context.args.has("domain") ? (await context.identity()).uuid : undefined;
    const reports = await service.check(domain, context.changeOptions());
    const wanted = context.args.has("repair") && !context.dryRun;
    const repairable = reports.filter(({ findings }) => findings.some(({ repair }) => repair));
    if (!wanted || repairable.length === 0) {
      const offer = repairable.length > 0 && "Repeat the command with --repair to repair it\n";
      return { ...resultOf(reports, formatReports(reports)), ...(offer && { notice: offer }) };
    }
    const listing = formatReports(repairable);
    if (!(await isConfirmed(context, listing, "Repair this?")))
      return notConfirmed(listing, dataOf(reports));
    const after = await repairAll(context, reports);
    return resultOf(after, `${listing}\nAfter the repair:\n${formatReports(after)}`);
  },
});

async function repairAll(
  context: CommandContext,
  reports: readonly CheckReport[],
): Promise<CheckReport[]> {
  const service = await context.service();
  const after: CheckReport[] = [];
  for (const report of reports) {
    const repairable = report.findings.some(({ repair }) => repair !== undefined);
    after.push(
      repairable
        ? await service.repair(report.domain.uuid, report.findings, context.changeOptions())
        : report,
    );
  }
  return after;
}

function resultOf(reports: readonly CheckReport[], text: string): CommandResult {
  const findings = reports.flatMap((report) => report.findings);
  const bad = findings.some(({ code }) => FINDINGS[code].severity !== "note");
  return {
    ...(findings.length > 0 || text.includes("After")
      ? { text }
      : { notice: "No problem found\n" }),
    data: dataOf(reports),
    ...(bad && { status: EXIT.failed }),
  };
}

function dataOf(reports: readonly CheckReport[]) {
  return { domains: reports.map(reportJson) };
}

function formatReports(reports: readonly CheckReport[]): string {
  const lines = reports.flatMap(({ domain, findings }) =>
    findings.flatMap((finding) => [`${domain.name}: ${headline(finding)}`, ...details(finding)]),
  );
  return lines.length === 0
    ? "No problem found\n"
    : lines.map((line) => `${safeText(line)}\n`).join("");
}

function headline({ code, subject, detail }: Finding): string {
  return `${FINDINGS[code].severity} ${code}: ${subject}: ${detail}`;
}

function details({ code, repair, advice = FINDINGS[code].advice }: Finding): string[] {
  const { meaning } = FINDINGS[code];
  return [`  ${meaning}`, `  ${repair ? `repair: ${describeRepair(repair)}` : advice}`];
}

function describeRepair(repair: Repair): string {
  switch (repair.kind) {
    case "recover":
      return "settle the interrupted change";
    case "make-root":
      return `make snapshot '${repair.snapshot}' a root`;
    case "clear-current":
      return "no snapshot is current any more";
    case "renew-view":
      return `write what other programs read of snapshot '${repair.snapshot}' from its record`;
    case "restrict-file":
      return `take the permissions of others away from '${repair.path}'`;
    case "remove-file":
      return `remove '${repair.path}'`;
  }
}

function reportJson({ domain, findings }: CheckReport) {
  return {
    domain: { name: domain.name, uuid: domain.uuid },
    findings: findings.map((finding) => ({ ...FINDINGS[finding.code], ...finding })),
  };
}
