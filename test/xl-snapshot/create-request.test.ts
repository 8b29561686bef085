import { expect } from "chai";
import fc from "fast-check";

import type { Domain } from "../../src/core/model/index.js";
import {
  asksLiveInVain,
  createRequestOf,
  isXmlConfig,
  requestOfDocument,
  withOptions,
  type SnapshotWish,
  type WishFacts,
} from "../../src/xl-snapshot/index.js";
import { parseDomain, parseSnapshot } from "../../src/xml/index.js";
import { thrownBy } from "../clients/qmp/support/thrown-by.js";

const UUID = "11111111-2222-4333-8444-555555555555";
const disk = (target: string) =>
  `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>` +
  `<source file='/images/${target}.qcow2'/><target dev='${target}' bus='ide'/></disk>`;
const definition = parseDomain(
  `<domain type='xen'><name>vm1</name><uuid>${UUID}</uuid><memory unit='MiB'>64</memory>` +
    `<os><type>hvm</type></os><devices>${disk("hda")}${disk("hdb")}</devices></domain>`,
);
const running: Pick<Domain, "state" | "definition"> = { state: "running", definition };
const shutoff: Pick<Domain, "state" | "definition"> = { state: "shutoff", definition };

const facts: WishFacts = {
  folder: "/records",
  savesMemoryLive: true,
  existingNames: new Set(["100", "101"]),
  nowSeconds: 100n,
};

/** What the document of a request asks for, its creation time left out. */
function askedFor(wish: SnapshotWish, domain = running, given = facts) {
  const { document, flags } = createRequestOf(wish, domain, given);
  const { name, memory, disks } = parseSnapshot(document);
  return { name, memory, flags, disks: disks.map(({ name: target, mode }) => `${target} ${mode}`) };
}

describe("what the RFC's snapshot-create asks of the service", () => {
  it("leaves everything to the service where nothing is told", () => {
    const nothing = { name: undefined, memory: undefined, flags: {}, disks: [] };
    expect(askedFor({ disks: [] })).to.deep.equal(nothing);
    expect(askedFor({ disks: [] }, shutoff)).to.deep.equal(nothing);
  });

  it("saves memory live into a file that is called after the snapshot", () => {
    expect(askedFor({ name: "s1", live: true, disks: [] })).to.deep.include({
      name: "s1",
      memory: { mode: "external", file: "/records/s1.save" },
      flags: { live: true },
    });
  });

  it("chooses the name that the service would choose when a file is called after it", () => {
    const told = { type: "external", disks: [] } as const;
    expect(askedFor(told)).to.deep.include({
      name: "102",
      memory: { mode: "external", file: "/records/102.save" },
    });
    expect(askedFor(told, shutoff)).to.deep.include({ name: undefined, memory: undefined });
  });

  it("asks for live memory only where it can be had", () => {
    const wish = { name: "s1", live: true, disks: [] };
    const cannot = { ...facts, savesMemoryLive: false };
    expect(askedFor(wish, running, cannot)).to.deep.equal(askedFor({ name: "s1", disks: [] }));
    expect(asksLiveInVain(wish, running, cannot)).to.equal(true);
    expect(asksLiveInVain(wish, running, facts)).to.equal(false);
    expect(asksLiveInVain({ ...wish, memory: false }, running, cannot)).to.equal(false);
    // Refused by the rules of a guest that is off, whatever the toolstack can.
    expect(asksLiveInVain(wish, shutoff, cannot)).to.equal(false);
    expect(askedFor(wish, shutoff, cannot).flags).to.deep.equal({ live: true });
  });

  it("makes relative names absolute, and keeps absolute ones", () => {
    const disks = [
      { device: "hda", file: "a.qcow2", format: "qcow2" },
      { device: "hdb", file: "/b.qcow2", format: "qcow2" },
    ] as const;
    const { document } = createRequestOf({ memory: "../m", disks }, running, facts);
    const parsed = parseSnapshot(document);
    expect(parsed.memory).to.deep.equal({ mode: "external", file: "/m" });
    expect(parsed.disks.map(({ source }) => source)).to.deep.equal([
      { path: "/records/a.qcow2" },
      { path: "/b.qcow2" },
    ]);
  });

  it("takes all disks with memory, and without it those that are listed", () => {
    const disks = [{ device: "hda", file: "/a", format: "qcow2", type: "external" }] as const;
    expect(askedFor({ disks }).disks).to.deep.equal(["hda external"]);
    expect(askedFor({ type: "external", disks }).disks).to.deep.equal([
      "hda external",
      "hdb external",
    ]);
    expect(askedFor({ memory: false, disks })).to.deep.include({
      flags: { diskOnly: true },
      disks: ["hda external", "hdb no"],
    });
  });

  it("names a file of memory by its snapshot, below the folder, for any name and wish", () => {
    const wishes = fc.record(
      {
        name: fc.stringMatching(/^[a-z][a-z0-9 .-]{0,20}$/),
        memory: fc.boolean(),
        type: fc.constantFrom("internal" as const, "external" as const),
        live: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const states = fc.constantFrom("running" as const, "paused" as const, "shutoff" as const);
    fc.assert(
      fc.property(wishes, states, fc.boolean(), (told, state, savesMemoryLive) => {
        const domain = { state, definition };
        const asked = askedFor({ ...told, disks: [] }, domain, { ...facts, savesMemoryLive });
        const file = asked.memory?.file;
        if (file !== undefined) expect(file).to.equal(`/records/${asked.name ?? "?"}.save`);
        if (state === "shutoff" || told.memory === false) expect(file).to.equal(undefined);
        if (told.name !== undefined) expect(asked.name).to.equal(told.name);
        expect(asked.flags.diskOnly).to.equal(told.memory === false ? true : undefined);
      }),
    );
  });
});

describe("the options of the RFC's snapshot-create", () => {
  it("go before what the ConfigFile leaves open", () => {
    const told = { description: "d", disks: [] };
    expect(withOptions(told, {})).to.deep.equal(told);
    expect(withOptions(told, { name: "s1", live: true, diskOnly: true })).to.deep.equal({
      ...{ name: "s1", description: "d", live: true, memory: false, disks: [] },
    });
    expect(withOptions({ name: "s1", live: true, disks: [] }, { name: "s1" })).to.deep.equal({
      ...{ name: "s1", live: true, disks: [] },
    });
  });

  for (const [told, options, message] of [
    [{ name: "b" }, { name: "a" }, "the ConfigFile names the snapshot 'b', and -n names it 'a'"],
    [{ live: false }, { live: true }, "--live contradicts live="],
    [{ memory: true }, { diskOnly: true }, "--disk-only contradicts the ConfigFile"],
    [{ memory: "/m" }, { diskOnly: true }, "--disk-only contradicts the ConfigFile"],
  ] as const)
    it(`are refused: ${message}`, () => {
      const { code, detail } = thrownBy(() => withOptions({ ...told, disks: [] }, options));
      expect(code).to.equal("usage");
      expect(detail).to.contain(message);
    });
});

describe("a libvirt document in place of the ConfigFile", () => {
  const DOCUMENT = "<domainsnapshot><description>d</description></domainsnapshot>";

  it("is told by its first character, in every encoding", () => {
    const texts = [DOCUMENT, ` \n${DOCUMENT}`, `\ufeff${DOCUMENT}`];
    for (const text of texts) {
      expect(isXmlConfig(Buffer.from(text))).to.equal(true);
      expect(isXmlConfig(Buffer.from(text, "utf16le"))).to.equal(true);
    }
    for (const text of ["", 'name="<"', "# <", "disk=[ '<' ]"])
      expect(isXmlConfig(Buffer.from(text)), text).to.equal(false);
  });

  it("stays as it is, unless it gets a name", () => {
    const bytes = Buffer.from(`  ${DOCUMENT}`);
    expect(requestOfDocument(bytes, { live: true })).to.deep.equal({
      document: `  ${DOCUMENT}`,
      flags: { live: true },
    });
    const { document, flags } = requestOfDocument(bytes, { name: "s1", diskOnly: true });
    expect(parseSnapshot(document)).to.deep.include({ name: "s1", description: "d" });
    expect(flags).to.deep.equal({ diskOnly: true });
  });

  it("is refused when it has another name", () => {
    const named = Buffer.from("<domainsnapshot><name>b</name></domainsnapshot>");
    expect(thrownBy(() => requestOfDocument(named, { name: "a" })).code).to.equal("usage");
  });
});
