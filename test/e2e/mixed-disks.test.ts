import { expect } from "chai";
import { readdirSync } from "node:fs";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { GuestLab, type Contents } from "./support/guest-lab.js";

/** The three ways of taking the raw and the qcow2 disk together. */
const WAYS: Readonly<Record<string, { readonly disks: string; readonly flags: string[] }>> = {
  "copy and internal": {
    disks:
      "<disk name='vda' snapshot='external'><driver type='raw'/></disk>" +
      "<disk name='vdb' snapshot='internal'/>",
    flags: [],
  },
  "copy and overlay": {
    disks:
      "<disk name='vda' snapshot='external'><driver type='raw'/></disk>" +
      "<disk name='vdb' snapshot='external'/>",
    flags: [],
  },
  "overlays on both": { disks: "", flags: ["--disk-only"] },
};

const NAMES = ["one", "two", "three"] as const;
type Name = (typeof NAMES)[number];

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}

/** Takes three snapshots in a row, writing between them; returns what each has to hold. */
async function takeThree(lab: GuestLab, way: keyof typeof WAYS): Promise<Map<string, Contents>> {
  const { disks, flags } = WAYS[way] ?? { disks: "", flags: [] };
  const expected = new Map<string, Contents>();
  for (const [index, name] of NAMES.entries()) {
    await lab.write(index + 1);
    expected.set(name, await lab.contents());
    await lab.run("snapshot-create", "guest", lab.document(name, disks), ...flags);
  }
  await lab.write(4);
  return expected;
}

async function expectHeld(lab: GuestLab, expected: ReadonlyMap<string, Contents>): Promise<void> {
  for (const [name, contents] of expected)
    expect(await lab.contentsOf(name), `snapshot '${name}'`).to.deep.equal(contents);
}

async function namesListed(lab: GuestLab): Promise<string[]> {
  const output = await lab.run("snapshot-list", "guest", "--name");
  return output
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

describe("a guest with a raw disk, a qcow2 disk and an empty cdrom", () => {
  for (const way of Object.keys(WAYS))
    describe(`taken three times (${way})`, () => {
      const { lab, expected } = useThree(way);

      it("lists three snapshots as a tree", async () => {
        await expectHeld(lab(), expected());
        expect(await lab().run("snapshot-list", "guest", "--tree")).to.equal(
          "one\n  |\n  +- two\n      |\n      +- three\n        \n",
        );
      });

      for (const order of permutations(NAMES))
        it(`deletes ${order.join(", ")} and keeps the others and the guest as they are`, () =>
          deletesInOrder(lab(), expected(), order));

      for (const order of permutations(NAMES))
        it(`reverts to ${order.join(", ")}, writing in between`, () =>
          revertsInOrder(lab(), expected(), order));
    });

  describe("taken three times with overlays", () => {
    const { lab, expected } = useThree("overlays on both");

    for (const target of ["one", "two"] as Name[])
      it(`branches from '${target}', and merges the branches away`, () =>
        branchesFrom(lab(), expected(), target));
  });
});

/** A guest that has been taken three times, as new for each test, and what its snapshots hold. */
function useThree(way: string) {
  let lab: GuestLab;
  let expected: Map<string, Contents>;
  before(async () => {
    ensureBuilt();
    lab = await GuestLab.create();
    expected = await takeThree(lab, way);
    lab.save();
  });
  afterEach(() => {
    lab.restore();
  });
  after(() => {
    lab.remove();
  });
  return { lab: () => lab, expected: () => new Map(expected) };
}

async function deletesInOrder(
  lab: GuestLab,
  expected: Map<string, Contents>,
  order: readonly Name[],
): Promise<void> {
  const present = await lab.contents();
  for (const name of order) {
    await lab.run("snapshot-delete", "guest", name);
    expected.delete(name);
    expect(await lab.contents(), `guest without '${name}'`).to.deep.equal(present);
    await expectHeld(lab, expected);
    expect(await namesListed(lab)).to.deep.equal([...expected.keys()].sort());
  }
  await expectNothingLeft(lab);
}

async function revertsInOrder(
  lab: GuestLab,
  expected: ReadonlyMap<string, Contents>,
  order: readonly Name[],
): Promise<void> {
  for (const [index, name] of order.entries()) {
    await lab.run("snapshot-revert", "guest", name);
    expect(await lab.contents(), `guest at '${name}'`).to.deep.equal(expected.get(name));
    expect((await lab.run("snapshot-current", "guest", "--name")).trim()).to.equal(name);
    await lab.write(10 + index);
    await expectHeld(lab, expected);
  }
}

async function branchesFrom(
  lab: GuestLab,
  expected: Map<string, Contents>,
  target: Name,
): Promise<void> {
  await lab.run("snapshot-revert", "guest", target);
  await lab.write(20);
  expected.set("branch", await lab.contents());
  await lab.run("snapshot-create", "guest", lab.document("branch", ""), "--disk-only");
  await lab.write(21);
  const present = await lab.contents();
  await expectHeld(lab, expected);

  const refused = lab.try("snapshot-delete", "guest", target);
  expect(refused.status).to.equal(1);
  expect(refused.stderr).to.contain("with multiple children snapshots not supported");
  await expectHeld(lab, expected);

  const rest = target === "one" ? ["three", "two"] : ["three"];
  for (const name of [...rest, target, ...(target === "two" ? ["one"] : []), "branch"]) {
    await lab.run("snapshot-delete", "guest", name);
    expected.delete(name);
    expect(await lab.contents(), `guest without '${name}'`).to.deep.equal(present);
    await expectHeld(lab, expected);
  }
  await expectNothingLeft(lab);
}

/** All that is left are the images, the definition and what the test itself wrote. */
async function expectNothingLeft(lab: GuestLab): Promise<void> {
  const files = readdirSync(lab.folder).filter((name) => !name.endsWith(".document"));
  expect(files.sort()).to.deep.equal(["data.qcow2", "domains", "system.raw"]);
  const { vda, vdb } = await lab.active();
  expect([vda.path, vdb.path]).to.deep.equal([lab.raw, lab.qcow2]);
}
