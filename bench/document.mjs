import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testRules } from "../dist/core/model/driver-rules.js";
import { prepareRedefine } from "../dist/core/rules/index.js";
import { formatSnapshot, parseDomain, parseSnapshot } from "../dist/xml/index.js";
import { realDocument, TEST_DOMAIN } from "./lib/documents.mjs";
import { CLI, withFolder } from "./lib/domain-folder.mjs";
import { toolVersion } from "./lib/machine.mjs";
import { compare, interleave, program } from "./lib/measure.mjs";

const PEER = "virsh, redefine";
const DOCUMENTS = 500;
const CONNECTION = ["-c", "test:///default"];

/** One document parsed, checked and formatted; many in a process, start-up taken off. */
export function benchDocument({ rounds = 9 } = {}) {
  return withFolder(async (folder) => {
    const virsh = toolVersion("virsh");
    const documents = Array.from({ length: DOCUMENTS }, (_, i) => realDocument(`s${String(i)}`));
    const batch = writeBatch(folder, documents);
    const command = [CLI, ...CONNECTION];
    const times = await interleave(
      {
        library: () => perDocument(() => checkAll(documents)),
        domsnap: () => perCommand(process.execPath, command, batch),
        ...(virsh && { virsh: () => perCommand("virsh", CONNECTION, batch) }),
      },
      rounds,
    );
    return {
      title: `document: ${String(Buffer.byteLength(documents[0]))} bytes parsed, checked, formatted`,
      rounds,
      peers: [virsh ? `virsh ${virsh}, test driver` : "virsh is not installed"],
      rows: [
        compare("library, in this process", times.library, PEER, times.virsh),
        compare("domsnap, redefine from a script", times.domsnap, PEER, times.virsh),
      ],
      notes: [
        `${String(DOCUMENTS)} documents a round; the time is that of one, start-up taken off.`,
        "libvirt types the whole domain; domsnap types the part that snapshots need.",
        "virsh also reads the file and speaks to the driver, and so does the second row.",
      ],
    };
  });
}

/** What `xml check` does with each document; the domain is known already, as it is to virsh. */
function checkAll(documents) {
  const definition = parseDomain(TEST_DOMAIN);
  const { name, uuid } = definition;
  const domain = { name, uuid, state: "running", persistent: true, definition };
  const call = { domain, flags: { redefine: true }, rules: testRules, heads: new Map() };
  for (const document of documents) {
    const parsed = parseSnapshot(document, { redefine: true });
    formatSnapshot(prepareRedefine({ ...call, parsed }));
  }
}

function perDocument(work) {
  const began = performance.now();
  work();
  return (performance.now() - began) / DOCUMENTS;
}

/** The time of a command in a batch: that of the whole batch less that of an empty one. */
function perCommand(command, args, batch) {
  const began = performance.now();
  program(command, args, { input: "\n" })();
  const empty = performance.now();
  program(command, args, { input: batch })();
  return (performance.now() - empty - (empty - began)) / DOCUMENTS;
}

/** A script that redefines one snapshot with each document. */
function writeBatch(folder, documents) {
  mkdirSync(join(folder, "documents"));
  return documents
    .map((document, index) => {
      const file = join(folder, "documents", `${String(index)}.xml`);
      writeFileSync(file, document);
      return `snapshot-create test ${file} --redefine\n`;
    })
    .join("");
}
