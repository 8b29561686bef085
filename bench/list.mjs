import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CLI, withFolder } from "./lib/domain-folder.mjs";
import { domainXml, snapshotXml } from "./lib/documents.mjs";
import { compare, interleave, program } from "./lib/measure.mjs";

const BASE = "node -e 0";
const GUEST_UUID = "1d4a1f6e-0b3c-4c0e-9a52-5f1d8e0c7a12";
const COUNTS = [100, 1000, 10_000];
/** Time for each snapshot among 10,000 over that among 1,000: linear, with room for noise. */
const GROWTH_GOAL = 1.2;

/** A cold process that lists many snapshots. */
export async function benchList({ rounds = 7 } = {}) {
  return withFolder(async (parent) => {
    const uris = COUNTS.map((count) => fillDomain(join(parent, String(count)), count));
    const commands = { "snapshot-list": [], "snapshot-list --tree": ["--tree"] };
    const contestants = { [BASE]: program(process.execPath, ["-e", "0"]) };
    for (const [command, options] of Object.entries(commands))
      COUNTS.forEach((count, index) => {
        const args = [CLI, "-c", uris[index], "snapshot-list", "guest", ...options];
        contestants[label(command, count)] = program(process.execPath, args);
      });
    const times = await interleave(contestants, rounds);
    return {
      title: "list: a process that lists all snapshots of a domain",
      rounds,
      peers: [`node ${process.versions.node}`],
      rows: Object.keys(commands).flatMap((command) => [
        ...COUNTS.map((count) => label(command, count)).map((subject) =>
          compare(subject, times[subject], BASE, times[BASE]),
        ),
        growthRow(command, times),
      ]),
      notes: [
        "A record is a document of 9.5 KB with the domain in it; page cache warm, no index.",
        "Growth: the time of one snapshot among 10,000 over that among 1,000, start-up taken off.",
      ],
    };
  });
}

/** The start of domsnap itself is in both counts, so the difference to the smallest is used. */
function growthRow(command, times) {
  const [few, some, many] = COUNTS;
  const perSnapshot = (count) =>
    times[label(command, count)].map(
      (time, round) => (time - times[label(command, few)][round]) / (count - few),
    );
  const subject = `${command}: growth`;
  return compare(subject, perSnapshot(many), "linear", perSnapshot(some), GROWTH_GOAL);
}

function label(command, count) {
  return `${command}, ${count.toLocaleString("en")}`;
}

/** A tree with ten children to a node. Our own command makes the first record, copies the rest. */
function fillDomain(folder, count) {
  mkdirSync(folder);
  const uri = pathToFileURL(folder).href;
  const domain = domainXml({ type: "qemu", name: "guest", uuid: GUEST_UUID });
  writeFileSync(join(folder, "guest.xml"), domain);
  const document = join(folder, "first.document");
  writeFileSync(document, snapshotXml({ name: nameOf(0), domain }));
  program(process.execPath, [
    ...[CLI, "-c", uri],
    ...["snapshot-create", "guest", document, "--redefine"],
  ])();
  const records = join(folder, "snapshots", GUEST_UUID);
  const first = readFileSync(join(records, `${nameOf(0)}.xml`), "utf8");
  for (let index = 0; index < count; index++)
    writeFileSync(join(records, `${nameOf(index)}.xml`), recordOf(first, index));
  return uri;
}

function recordOf(first, index) {
  const time = `<creationTime>${String(1_700_000_000 + index)}<`;
  const renamed = first.replaceAll(nameOf(0), nameOf(index)).replace(/<creationTime>\d+</, time);
  if (index === 0) return renamed;
  const parent = nameOf(Math.floor((index - 1) / 10));
  const element = `  <parent>\n    <name>${parent}</name>\n  </parent>`;
  return renamed.replace("</state>", `</state>\n${element}`);
}

function nameOf(index) {
  return `snapshot-${String(index).padStart(5, "0")}`;
}
