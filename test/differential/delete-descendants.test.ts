import { expect } from "chai";
import { tmpdir } from "node:os";
import { buildSnapshotTree, type DeleteFlags, testRules } from "../../src/core/model/index.js";
import { deleteEffect } from "../../src/core/rules/index.js";
import { runVirsh } from "./support/virsh.js";

const session = { uri: "test:///default", directory: tmpdir() };
const chain = ["a", "b", "c", "d"];

const options: readonly { readonly flags: DeleteFlags; readonly option: string }[] = [
  { flags: {}, option: "" },
  { flags: { children: true }, option: "--children" },
  { flags: { childrenOnly: true }, option: "--children-only" },
];

/** What is left of the chain and which is current, by libvirt; only chains, trees crash it. */
function libvirtLeaves(name: string, option: string): readonly string[] {
  const answers = runVirsh(session, [
    ...chain.map((one) => `snapshot-create-as test ${one}`),
    `snapshot-delete test ${name} ${option}`,
    "snapshot-list test --name --topological",
    "snapshot-current test --name",
  ]);
  const [left = "", current = ""] = answers.slice(-2);
  return [...left.trim().split("\n"), `current: ${current.trim()}`];
}

function weLeave(name: string, flags: DeleteFlags): readonly string[] {
  const heads = chain.map((one, index) => {
    const parent = chain[index - 1];
    return { name: one, creationTime: 1n, disks: [], ...(parent === undefined ? {} : { parent }) };
  });
  const tree = buildSnapshotTree(heads);
  const { removed, current } = deleteEffect({ name, flags, tree, current: "d", rules: testRules });
  const none = "error: domain 'test' has no current snapshot";
  return [...chain.filter((one) => !removed.includes(one)), `current: ${current ?? none}`];
}

describe("deleting a snapshot of a chain", () => {
  for (const { flags, option } of options)
    for (const name of chain)
      it(`leaves what libvirt leaves: ${name} ${option}`, () => {
        const left = weLeave(name, flags);
        expect(left.length > 1 ? left : ["", ...left]).to.deep.equal(libvirtLeaves(name, option));
      });
});
