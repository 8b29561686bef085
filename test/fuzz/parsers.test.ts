import { expect } from "chai";
import fc from "fast-check";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { patience } from "../../scripts/test-run/patience.cjs";
import { DomsnapError } from "../../src/core/errors/index.js";
import { AgentFraming } from "../../src/clients/guest-agent/agent-framing.js";
import { readImageHeader } from "../../src/formats/qcow2/header.js";
import { readSnapshotTable } from "../../src/formats/qcow2/snapshot-table.js";
import { QmpFraming } from "../../src/clients/qmp/qmp-framing.js";
import { parseQmpMessage } from "../../src/clients/qmp/qmp-message.js";
import { formatEmptyVhd, hostImageFiles, openChain } from "../../src/formats/vhd/index.js";
import { assertCompleteSaveFile } from "../../src/formats/xen-save-file/index.js";
import { parseXlDisk } from "../../src/formats/xl-disk/index.js";
import { parseInformationFile, parseLibxlSnapshot } from "../../src/xl-snapshot/index.js";
import { parseLongList } from "../../src/clients/xl/index.js";
import { parseManifest } from "../../src/plugins/bundle/manifest.js";
import { parseReceipt } from "../../src/plugins/bundle/receipt.js";
import { formatHead, formatMark } from "../../src/plugins/store-file/journal-format.js";
import { parseJournal } from "../../src/plugins/store-file/parse-journal.js";
import { readRecord, readRecordHead } from "../../src/plugins/store-file/read-record.js";
import { samplePlan } from "../../src/testing/index.js";
import {
  SnapshotReader,
  parseDomain,
  parseSnapshot,
  parseSnapshotHead,
  readXml,
} from "../../src/xml/index.js";
import { checkVhd } from "../formats/vhd/support/check-vhd.js";
import { checkedLines, textsOf } from "../support/checked-lines.js";

/** How many inputs each reader gets; `npm run fuzz` sets more. */
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);
/** No input of a few kilobytes may take longer, also on a busy machine. */
const LONGEST_MS = 2000;
const MOST_GROWTH_BYTES = 256 * 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), "domsnap-fuzz-"));
const scratch = join(folder, "input");

interface Reader {
  readonly name: string;
  readonly seeds: () => readonly Uint8Array[];
  /** Throws or returns undefined for what it refuses. */
  readonly read: (input: Buffer) => unknown;
}

const text = (...texts: string[]) => texts.map((value) => new TextEncoder().encode(value));
const fixtures = (part: string) => () => {
  const root = fileURLToPath(new URL(`../../fixtures/libvirt-xml/${part}`, import.meta.url));
  return readdirSync(root)
    .filter((name) => name.endsWith(".xml"))
    .map((name) => readFileSync(join(root, name)));
};
const recorded = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/xl/4.17/${name}`, import.meta.url)));
const goldenFiles = (name: string, ending: string) => {
  const root = fileURLToPath(new URL(`../../fixtures/formats/${name}`, import.meta.url));
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => readFileSync(join(root, file)));
};
const onDisk = (read: (path: string) => unknown) => (input: Buffer) => {
  writeFileSync(scratch, input);
  return read(scratch);
};

function sampleJournal(): string {
  const owner = { pid: 1, host: "h", sinceMs: 2 };
  const found = [{ place: "/images/a", identity: "1@2" }];
  return withChecksums(
    [
      formatHead({ plan: samplePlan(), owner, token: "0123456789ab", found }),
      formatMark({ mark: "started", index: 0 }, ""),
      formatMark({ mark: "made", place: "/images/ü.s", identity: "3@4" }, ""),
      formatMark({ mark: "finished", index: 0 }, ""),
    ].join(""),
  );
}

/** Checksums keep nearly all inputs from what is behind them. */
function withChecksums(lines: string): string {
  return checkedLines(textsOf(lines));
}

/** Of what is in a plain error, its caller makes one of its own. */
function refusing<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const READERS: readonly Reader[] = [
  { name: "XML", seeds: fixtures("golden"), read: (input) => readXml(input) },
  {
    name: "snapshot documents",
    seeds: fixtures("golden"),
    read: (input) => parseSnapshot(input.toString("utf8"), { redefine: true, validate: true }),
  },
  {
    name: "domain documents",
    seeds: fixtures("domains"),
    read: (input) => parseDomain(input.toString("utf8")),
  },
  {
    name: "heads of records",
    seeds: fixtures("golden"),
    read: (input) => parseSnapshotHead(input.toString("utf8")),
  },
  {
    name: "records",
    seeds: () => [...fixtures("golden")(), ...goldenFiles("state-1", ".xml")],
    read: onDisk((path) => [
      readRecordHead(path, "s1"),
      readRecord(path, "s1", new SnapshotReader()),
    ]),
  },
  {
    name: "manifests of bundles",
    seeds: () => goldenFiles("bundle-2", "manifest.json"),
    read: (input) => parseManifest(input.toString("utf8"), "/bundle/manifest.json"),
  },
  {
    name: "manifests whose checksums are right",
    seeds: () => goldenFiles("bundle-2", "manifest.json"),
    read: (input) => {
      const text = input.toString("utf8").replace(/ {2}"sha256": "[^"]*"\n\}\s*$/, "");
      const sha256 = createHash("sha256").update(text).digest("hex");
      return parseManifest(`${text}  "sha256": "${sha256}"\n}\n`, "/bundle/manifest.json");
    },
  },
  {
    name: "receipts of copies",
    seeds: () => goldenFiles("bundle-2", ".copied"),
    read: (input) => parseReceipt(input.toString("utf8")),
  },
  {
    name: "journals",
    seeds: () => {
      const whole = sampleJournal();
      return text(whole.slice(0, whole.indexOf("\n") + 1), whole);
    },
    read: (input) => parseJournal(input, "/state/journal"),
  },
  {
    name: "journals whose checksums are right",
    seeds: () => text(sampleJournal()),
    read: (input) =>
      parseJournal(Buffer.from(withChecksums(input.toString("utf8"))), "/state/journal"),
  },
  {
    name: "QMP",
    seeds: () =>
      text(
        '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}\r\n',
        '{"return": {}, "id": "1"}\r\n{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}\r\n',
        '{"error": {"class": "GenericError", "desc": "no"}, "id": "2"}\r\n',
      ),
    read: (input) => {
      const framing = new QmpFraming(4096);
      const half = Math.floor(input.length / 2);
      for (const part of [input.subarray(0, half), input.subarray(half)])
        for (const line of framing.push(part)) parseQmpMessage(line);
      return framing;
    },
  },
  {
    name: "answers of a guest's agent",
    seeds: () => text('\xff{"return": 7}\n{"error": {"desc": "no"}}\n', "x".repeat(64 * 1024)),
    read: (input) => {
      const framing = new AgentFraming();
      const half = Math.floor(input.length / 2);
      const parts = [input.subarray(0, half), input.subarray(half)];
      return refusing(() => parts.map((part) => framing.push(part)));
    },
  },
  {
    name: "texts in xl's language",
    seeds: () =>
      text(
        "name = \"s1\" # first\ncreationtime='1400000000'\nlive=0; disk=[ 'hda=/img/a,type=qcow2', ]\n",
        'snapshot_name="s1"\ndisk = [\n "format=qcow2,vdev=xvda,target=/img/a", [ "b\\x41" ]\n]\n',
      ),
    read: (input) => parseInformationFile(input.toString("utf8")),
  },
  {
    name: "disk specifications of xl",
    seeds: () =>
      text(
        "/dev/vg/guest,raw,xvda,rw",
        "format=qcow2,vdev=hdc:cdrom,access=ro,backendtype=qdisk,discard,target=/img/a,b",
        "script=block-tap,vdev=xvdb,target=vhd:/img/a",
        "tap2:tapdisk:aio:/img/a,hda,w",
      ),
    read: (input) => parseXlDisk(input.toString("utf8")),
  },
  {
    name: "snapshots in the prototype's JSON",
    seeds: () =>
      text(
        '{"name": "s1", "creation_time": 1400000000, "memory": "/mem", "running": true, "type": "internal",' +
          ' "disks": [{"device": "hda", "file": "/img/a", "format": "qcow2"}]}',
      ),
    read: (input) => parseLibxlSnapshot(input.toString("utf8")),
  },
  {
    name: "lists of xl",
    seeds: () => {
      const { stdout } = JSON.parse(recorded("list-long.json").toString()) as { stdout: string };
      return text(stdout);
    },
    read: (input) => parseLongList(input.toString("utf8")),
  },
  {
    name: "memory that xl has saved",
    seeds: () => [recorded("save-file-head.bin")],
    read: onDisk(assertCompleteSaveFile),
  },
  {
    name: "qcow2 images",
    seeds: () => {
      const image = join(folder, "seed.qcow2");
      const run = (...args: string[]) => execFileSync("qemu-img", [...args, image]);
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "64k"]);
      run("snapshot", "-c", "s1");
      run("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "/base");
      return [readFileSync(image)];
    },
    read: onDisk(async (path) => {
      await readSnapshotTable(path);
      return readImageHeader(path);
    }),
  },
  {
    name: "VHD images",
    seeds: () => {
      const image = { sizeBytes: 4 * 1024 * 1024, finalPath: join(folder, "child.vhd") };
      const parent = { path: join(folder, "parent.vhd"), uuid: "0".repeat(32), changedMs: 0 };
      return [formatEmptyVhd(image), formatEmptyVhd({ ...image, parent })];
    },
    read: onDisk(async (path) => {
      await checkVhd(hostImageFiles, path);
      const chain = await openChain(hostImageFiles, path, "vhd");
      await chain.close();
      return chain;
    }),
  },
];

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}

/** Bytes that parsers stumble over: ends of numbers, of strings, of tags. */
const nasty = fc.constantFrom(
  ...text(
    "<",
    ">",
    "&",
    "]]>",
    "<!DOCTYPE",
    "<!--",
    "\0",
    "\u{10ffff}",
    "\n",
    '"',
    "{",
    "[",
    "-1",
    "1e999",
  ),
  new Uint8Array([0xff, 0xff, 0xff, 0xff]),
  new Uint8Array([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  new Uint8Array([0xc0, 0x80]),
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  // Most of what is decided stands at the beginning.
  at: fc.oneof(fc.nat(200), fc.nat(70_000)),
  remove: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(4096)),
  insert: fc.oneof(nasty, fc.uint8Array({ maxLength: 16 })),
});

function mutate(seed: Uint8Array, mutations: readonly Mutation[], replace: boolean): Buffer {
  let bytes = Buffer.from(seed);
  for (const { at, remove, insert } of mutations) {
    const start = at % (bytes.length + 1);
    const end = start + (replace ? insert.length : remove);
    bytes = Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(end)]);
  }
  return bytes;
}

describe("readers of what others write", function () {
  this.timeout(0);
  after(() => rmSync(folder, { recursive: true }));

  for (const { name, seeds, read } of READERS)
    it(`give a result or refuse, for any ${name}`, async () => {
      const all = seeds();
      expect(all.length).to.be.greaterThan(0);
      let refused = 0;
      const before = process.memoryUsage.rss();
      await fc.assert(
        fc.asyncProperty(
          fc.nat(all.length - 1),
          fc.array(mutation, { minLength: 1, maxLength: 6 }),
          fc.boolean(),
          async (which, mutations, replace) => {
            const input = mutate(all[which] ?? new Uint8Array(), mutations, replace);
            const began = performance.now();
            try {
              if ((await read(input)) === undefined) refused++;
            } catch (thrown) {
              // What the record readers add to is told by their caller, so plain errors are theirs.
              if (!(thrown instanceof DomsnapError) && name !== "records") throw thrown;
              refused++;
            }
            expect(performance.now() - began).to.be.lessThan(patience(LONGEST_MS));
          },
        ),
        { numRuns: RUNS },
      );
      expect(refused, "some input is refused").to.be.greaterThan(0);
      expect(process.memoryUsage.rss() - before).to.be.lessThan(MOST_GROWTH_BYTES);
    });
});
