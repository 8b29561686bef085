import { expect } from "chai";
import { COMMAND_TABLE } from "../../src/cli/command-table.js";
import { formatBashCompletion, formatManPage } from "../../src/cli/generate/index.js";
import { optionsOf } from "../../src/cli/grammar/command-syntax.js";
import { execa } from "execa";

describe("the command table", () => {
  it("has each name once", () => {
    const names = COMMAND_TABLE.map(({ name }) => name);
    expect(names).to.deep.equal([...new Set(names)]);
  });

  for (const spec of COMMAND_TABLE)
    it(`${spec.name}: options that the grammar can tell apart`, () => {
      const options = optionsOf(spec);
      const names = options.map(({ name }) => name);
      expect(names).to.deep.equal([...new Set(names)]);
      const positional = options.filter(({ kind, literal }) => kind !== "bool" && !literal);
      const optionalAt = positional.findIndex(({ required }) => required !== true);
      if (optionalAt >= 0)
        expect(positional.slice(optionalAt).every(({ required }) => required !== true)).to.equal(
          true,
        );
      const letters = options.flatMap(({ short }) => short ?? []);
      expect(letters).to.deep.equal([...new Set(letters)]);
      if (spec.grammar !== "xl") expect(letters).to.deep.equal([]);
      expect(letters).not.to.include("h");
      expect(positional.slice(0, -1).every(({ kind }) => kind !== "argv")).to.equal(true);
      expect(names.includes("dry-run")).to.equal(spec.changes);
      expect(names).to.include("json");
    });
});

describe("the man page", () => {
  const page = formatManPage({ version: "1.2.3" });

  it("has every command with its options", () => {
    for (const spec of COMMAND_TABLE) {
      const section = page.split(`\n.SS ${spec.name.replaceAll("-", "\\-")}\n`)[1];
      expect(section, spec.name).not.to.equal(undefined);
      for (const { name } of optionsOf(spec))
        expect(section).to.include(`\\-\\-${name.replaceAll("-", "\\-")}`);
    }
    expect(page).to.include("domsnap 1.2.3");
  });

  it("begins no line with a request by accident", () => {
    const requests = [...page.matchAll(/^[.'](\w*)/gm)].map(([, request]) => request);
    expect([...new Set(requests)].sort()).to.deep.equal(
      ["B", "EE", "EX", "PP", "SH", "SS", "TH", "TP"].sort(),
    );
  });
});

describe("the bash completion", () => {
  /** What bash would offer for the last word, when domsnap knows these domains and snapshots. */
  async function complete(...words: string[]): Promise<string[]> {
    const script = `${formatBashCompletion()}
domsnap() {
  local IFS=" "
  case "$*" in
    *"list --all --name") printf '%s\\n' vm1 vm2 'evil$(touch pwned)' ;;
    *plugins) printf ' %s   x   built-in   y\\n' "disk backend      dd" "disk backend      qdisk" "toolstack         qemu" ;;
    *"snapshot-list vm1 --name") printf '%s\\n' s1 s2 ;;
  esac
}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _domsnap; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await execa("bash", ["-c", script, "bash", "domsnap", ...words]);
    return stdout.split("\n").filter(Boolean);
  }

  it("completes commands, options, their values, domains and snapshots", async () => {
    expect(await complete("snapshot-r")).to.deep.equal(["snapshot-revert"]);
    expect(await complete("xml", "")).to.deep.equal(["check", "format"]);
    expect(await complete("xml", "check", "--rules", "")).to.deep.equal([
      "qemu",
      "test",
      "domsnap",
    ]);
    expect(await complete("snapshot-list", "vm1", "--t")).to.deep.equal([
      "--tree",
      "--topological",
    ]);
    expect(await complete("-c", "test:///default", "--dry")).to.deep.equal(["--dry-run"]);
    expect(await complete("snapshot-list", "vm1", "--from", "")).to.deep.equal(["s1", "s2"]);
    expect(await complete("explain", "revert")).to.deep.equal(["revert-risky"]);
  });

  it("completes what xl's grammar has: letters, and a domain that comes last", async () => {
    expect(await complete("xl", "")).to.include("snapshot-create");
    expect(await complete("xl", "snapshot-delete", "-")).to.include.members(["-n", "--name"]);
    expect(await complete("xl", "snapshot-delete", "-n", "s1", "")).to.deep.equal(["vm1", "vm2"]);
    expect(await complete("xl", "snapshot-revert", "vm1", "-n", "")).to.deep.equal(["s1", "s2"]);
    expect(await complete("xl", "snapshot-create", "snap.conf", "v")).to.deep.equal(["vm1", "vm2"]);
    expect(await complete("xl", "snapshot-create", "packa")).to.include("package.json");
    expect(await complete("snapshot-list", "--from", "s1", "v")).to.deep.equal(["vm1", "vm2"]);
  });

  it("completes the backend of a disk, parted from its name or not", async () => {
    const create = ["snapshot-create-as", "vm1", "s", "--diskspec"];
    const both = ["dd", "qdisk"];
    expect(await complete(...create, "vda,backend", "=")).to.deep.equal(both);
    expect(await complete(...create, "vda,backend", "=", "q")).to.deep.equal(["qdisk"]);
    expect(await complete(...create, "vda,file", "=", "/a,backend", "=", "")).to.deep.equal(both);
    expect(await complete(...create, "vda,file=/a,backend=q")).to.deep.equal([
      "vda,file=/a,backend=qdisk",
    ]);
    expect(await complete(...create, "vda,back")).to.deep.equal([]);
    expect(await complete("snapshot-list", "vm1", "a,backend", "=")).to.deep.equal([]);
  });

  it("finds the domain behind the cursor, and asks the connection of the command", async () => {
    const script = `${formatBashCompletion()}
domsnap() { local IFS=" "; printf '%s\\n' "$*" | tr -c '[:alnum:]\\n' _; }
COMP_WORDS=(domsnap xl snapshot-revert -n "" vm1); COMP_CWORD=4; _domsnap
printf '%s\\n' "\${COMPREPLY[@]}"
COMP_WORDS=(domsnap -c test:///x xl snapshot-revert ""); COMP_CWORD=5; _domsnap
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await execa("bash", ["-c", script], { env: { DOMSNAP_DEFAULT_URI: "" } });
    expect(stdout.split("\n")).to.deep.equal([
      "_q__c_xen____system_snapshot_list_vm1___name",
      "_q__c_test____x_list___all___name",
    ]);
  });

  it("never runs what a hostile name says", async () => {
    expect(await complete("snapshot-list", "")).to.deep.equal(["vm1", "vm2"]);
  });
});
