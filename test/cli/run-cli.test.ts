import { EventEmitter } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { DomsnapError } from "../../src/core/errors/index.js";
import type { ChangeOptions } from "../../src/core/operations/shared/results.js";
import type { SnapshotService } from "../../src/core/operations/snapshot-service.js";
import type { Plan } from "../../src/core/model/operation.js";
import { VERSION } from "../../src/cli/version.js";
import { runInProcess, type CliRunOptions } from "./run-in-process.js";
import { created, head, listing, STUB_DOMAIN, stubService } from "./stub-service.js";

function run(argv: readonly string[], calls: Partial<SnapshotService>, more: CliRunOptions = {}) {
  return runInProcess(argv, { openService: () => Promise.resolve(stubService(calls)), ...more });
}

describe("runCli", () => {
  describe("without a connection", () => {
    it("prints help and versions", async () => {
      expect((await runInProcess(["--help"])).stdout).to.include("snapshot-create-as ");
      expect((await runInProcess(["--version"])).stdout).to.equal(`${VERSION}\n`);
      expect((await runInProcess(["-V"])).stdout).to.match(/^domsnap .*\nNode\.js /);
      expect((await runInProcess(["help", "xml", "check"])).stdout).to.include("--domain-state");
      expect((await runInProcess(["help", "snapshot"])).stdout).to.include("snapshot-revert");
      expect((await runInProcess(["snapshot-list --help"])).stdout).to.include("--topological");
    });

    it("refuses global options in virsh's words", async () => {
      const unknown = await runInProcess(["--foo"]);
      expect(unknown.status).to.equal(1);
      expect(unknown.stderr).to.match(/^error: unsupported option '--foo'\. See --help\.\n/);
      expect((await runInProcess(["-c"])).stderr).to.match(
        /^error: option '-c'\/'--connect' requires an argument\n/,
      );
    });

    it("explains every code that a hint names", async () => {
      const { stderr } = await runInProcess(["nope"]);
      const code = /\(domsnap explain ([\w-]+)\)/.exec(stderr)?.[1] ?? "";
      const { status, stdout } = await runInProcess(["explain", code]);
      expect(status).to.equal(0);
      expect(stdout).to.include("Exit status:    1\n");
      expect((await runInProcess(["explain", "constructor"])).status).to.equal(1);
    });
  });

  describe("the connection", () => {
    it("is opened once, for the URI that was given, and closed", async () => {
      const seen: string[] = [];
      const service = stubService({
        list: () => Promise.resolve(listing()),
        close: () => Promise.resolve(void seen.push("closed")),
      });
      await runInProcess(["-c", "x:///y", "snapshot-list vm1; snapshot-list vm1"], {
        openService: (uri) => {
          seen.push(uri);
          return Promise.resolve(service);
        },
      });
      expect(seen).to.deep.equal(["x:///y", "closed"]);
    });

    it("comes from DOMSNAP_DEFAULT_URI without --connect", async () => {
      const { stderr } = await runInProcess(["snapshot-list", "vm1"], {
        env: { DOMSNAP_DEFAULT_URI: "bogus:///" },
        openService: (uri) =>
          Promise.reject(new DomsnapError("invalid-argument", `no toolstack for '${uri}'`)),
      });
      expect(stderr).to.match(
        /^error: failed to connect to the hypervisor\nerror: invalid argument: no toolstack for 'bogus:\/\/\/'\nhint: /,
      );
    });
  });

  describe("errors", () => {
    const failing = {
      info: () => Promise.resolve({ head: head("s1") } as never),
      delete: () =>
        Promise.reject(
          new DomsnapError("unfinished", "disk\u001b[2J is gone", {
            hint: "Look for it.",
            effect: "partial",
          }),
        ),
    };

    it("have the command's line, the reason, and one line with the next step", async () => {
      const { status, stderr, stdout } = await run(["snapshot-delete", "vm1", "s1"], failing);
      expect(status).to.equal(2);
      expect(stdout).to.equal("\n");
      expect(stderr).to.equal(
        "error: Failed to delete snapshot s1\n" +
          "error: operation failed: disk\\x1b[2J is gone\n" +
          "hint: A part was done, the journal holds the rest. Look for it. (domsnap explain unfinished)\n",
      );
    });

    it("tell the next step also when quiet: it belongs to the error", async () => {
      const { stderr, stdout } = await run(["-q", "snapshot-delete", "vm1", "s1"], failing);
      expect(stdout).to.equal("");
      expect(stderr).to.include(
        "\nhint: A part was done, the journal holds the rest. Look for it.",
      );
    });

    for (const [line, hint] of [
      ["snapshot-lst vm1", "Run 'domsnap help' for the list of commands."],
      ["snapshot-revert", "Run 'domsnap help snapshot-revert'."],
      ["snapshot-revert vm1", "Run 'domsnap help snapshot-revert'."],
      ["snapshot-create-as vm1 s --quiesce-mode maybe", "Run 'domsnap help snapshot-create-as'."],
      ["help nope", "Run 'domsnap help' for the list of commands and groups."],
      ["explain nope", "Run 'domsnap explain' for the list of codes."],
    ] as const)
      it(`refer to the right help: ${line}`, async () => {
        const { status, stderr } = await run(line.split(" "), failing);
        expect(status).to.equal(1);
        expect(stderr).to.match(/^error: .*\nhint: .*\n$/);
        expect(stderr).to.include(`hint: ${hint} (domsnap explain usage)\n`);
      });

    it("are data with --json, wherever it stands", async () => {
      for (const argv of [
        ["--json", "snapshot-delete", "vm1", "s1"],
        ["snapshot-delete", "vm1", "s1", "--json"],
      ]) {
        const { stderr, stdout } = await run(argv, failing);
        expect(stdout).to.equal("");
        expect(JSON.parse(stderr)).to.deep.equal({
          error: {
            code: "unfinished",
            message: "Failed to delete snapshot s1\noperation failed: disk\u001b[2J is gone",
            hint: "Look for it.",
            effect: "partial",
            exitStatus: 2,
          },
        });
      }
      const { stderr } = await run(["snapshot-delete", "--json"], {});
      expect(JSON.parse(stderr)).to.have.nested.property("error.code", "usage");
    });
  });

  describe("changes", () => {
    const plan: Plan = {
      verb: "create",
      domain: STUB_DOMAIN,
      snapshot: "s1",
      warnings: ["vdb is not covered"],
      before: [
        {
          kind: "disks.snapshot",
          backend: "dd",
          snapshot: "s1",
          disks: [
            {
              target: "vda",
              keeps: "copy",
              image: { path: "/img/a", type: "file", format: "raw" },
              copy: { path: "/img/a.s1", type: "file", format: "raw" },
              before: "absent",
            },
          ],
        },
      ],
      after: [
        { kind: "record.write", snapshot: { ...head("s1"), creationTime: 2n ** 60n } },
        { kind: "record.current", name: "s1" },
      ],
    };
    const seen: (ChangeOptions | undefined)[] = [];
    const calls: Partial<SnapshotService> = {
      create: (_domain, _document, _flags, options) => {
        seen.push(options);
        return Promise.resolve(
          created(head("s1"), {
            plans: [plan],
            executed: options?.dryRun !== true,
            warnings: ["a file was left"],
          }),
        );
      },
    };

    it("are told, with warnings on standard error", async () => {
      const { stdout, stderr } = await run(["snapshot-create-as", "vm1", "s1"], calls);
      expect(stdout).to.equal("Domain snapshot s1 created\n");
      expect(stderr).to.equal("warning: a file was left\n");
    });

    it("are only planned with --dry-run, wherever it stands", async () => {
      for (const argv of [
        ["--dry-run", "-q", "snapshot-create-as", "vm1", "s1"],
        ["-q", "snapshot-create-as", "vm1", "s1", "--dry-run"],
      ]) {
        const { stdout } = await run(argv, calls);
        expect(seen.at(-1)?.dryRun).to.equal(true);
        expect(stdout).to.equal(
          "Plan: create snapshot 's1' of domain 'vm1'\n" +
            "  1. freeze disks with dd\n" +
            "       vda: external, /img/a -> /img/a.s1 (raw)\n" +
            "  -- from here on it is carried through --\n" +
            "  2. write the record of 's1'\n" +
            "  3. make 's1' the current snapshot\n" +
            "  Warning: vdb is not covered\n" +
            "  Warning: a file was left\n",
        );
      }
    });

    it("are planned as data with --json", async () => {
      const { stdout } = await run(["--json", "--dry-run", "snapshot-create-as", "vm1"], calls);
      const result = JSON.parse(stdout) as Record<string, unknown>;
      expect(result).to.have.property("executed", false);
      expect(result).to.have.nested.property("plans[0].operations[0].disks[0].copy.path");
      expect(result).to.have.nested.property("plans[0].commitAt", 1);
      expect(result).to.have.nested.property(
        "plans[0].operations[1].snapshot.creationTime",
        String(2n ** 60n),
      );
    });

    it("wait for the lock as long as they are told", async () => {
      await run(["snapshot-create-as", "vm1", "--lock-timeout", "1.5"], calls);
      expect(seen.at(-1)?.lockTimeoutMs).to.equal(1500);
      const { status } = await run(["snapshot-create-as", "vm1", "--lock-timeout", "x"], calls);
      expect(status).to.equal(1);
    });

    it("are refused on a read-only connection", async () => {
      const { stderr } = await run(["-r", "-q", "snapshot-create-as", "vm1"], calls);
      expect(stderr).to.equal(
        "error: operation forbidden: read only access prevents virDomainSnapshotCreateXML\n" +
          "hint: Connect without --readonly. (domsnap explain operation-denied)\n",
      );
    });
  });

  describe("Ctrl-C", () => {
    it("aborts the running command once, and ends the process the second time", async () => {
      const signals = new EventEmitter();
      const exits: number[] = [];
      const { status, stdout } = await run(
        ["snapshot-create-as vm1; echo never"],
        {
          create: (_domain, _document, _flags, options) => {
            signals.emit("SIGINT");
            expect(options?.signal?.aborted).to.equal(true);
            signals.emit("SIGINT");
            return Promise.reject(new DomsnapError("cancelled", "cancelled by the user"));
          },
        },
        { signals, exit: (exitStatus) => void exits.push(exitStatus) },
      );
      expect(exits).to.deep.equal([130]);
      expect(status).to.equal(130);
      expect(stdout).to.equal("\n");
      expect(signals.listenerCount("SIGINT")).to.equal(0);
    });
  });

  describe("standard input", () => {
    it("is read line by line; the last command gives the status", async () => {
      const { status, stdout, stderr } = await runInProcess([], {
        input: "echo a; echo b\nnope\n\n# comment\necho c",
      });
      expect(stdout).to.equal("a\nb\nc\n");
      expect(stderr).to.match(/^error: unknown command: 'nope'\n/);
      expect(status).to.equal(0);
      expect((await runInProcess([], { input: "echo a\nnope\n" })).status).to.equal(1);
    });

    it("ends at quit", async () => {
      const { stdout } = await runInProcess(["-q"], { input: "echo a\nquit\necho b\n" });
      expect(stdout).to.equal("a");
    });
  });

  describe("hostile names", () => {
    const name = "evil\u001b]0;x\u0007";
    const calls = {
      list: () =>
        Promise.resolve(
          listing({ heads: [head(name)], problems: [{ record: name, reason: "no XML" }] }),
        ),
    };

    it("never reach a terminal raw, and scripts get them as they are", async () => {
      for (const option of ["", "--name", "--tree", "--json"]) {
        const terminal = { stdoutIsTerminal: true };
        const { stdout, stderr } = await run([`snapshot-list vm1 ${option}`], calls, terminal);
        expect(stdout + stderr, option).not.to.include("\u001b");
        expect(stdout).to.include(option === "--json" ? "evil\\u001b" : "evil\\x1b");
      }
      const { stdout } = await run(["-q", "snapshot-list", "vm1", "--name"], calls);
      expect(stdout).to.equal(`${name}\n`);
    });
  });

  describe("snapshot-edit", () => {
    const edited = "<domainsnapshot><name>new</name></domainsnapshot>\n";
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "domsnap-edit-"));
      await writeFile(join(folder, "edited.xml"), edited);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    function edit(options: string, more: Partial<SnapshotService> = {}) {
      const done: string[] = [];
      const calls: Partial<SnapshotService> = {
        info: () => Promise.resolve({ head: head("old") } as never),
        getXml: () => Promise.resolve("<domainsnapshot/>\n"),
        create: (_domain, document, flags, changeOptions) => {
          expect(document).to.equal(edited);
          expect(flags.redefine).to.equal(true);
          if (changeOptions?.dryRun !== true) done.push("create");
          return Promise.resolve(created(head("new")));
        },
        delete: (_domain, name, flags) => {
          expect(flags).to.deep.equal({ metadataOnly: true });
          done.push(`delete ${name}`);
          return Promise.resolve(created(head(name)));
        },
        ...more,
      };
      const env = { ...process.env, VISUAL: `cp ${join(folder, "edited.xml")}` };
      return run([`snapshot-edit vm1 old ${options}`], calls, { env }).then((result) => ({
        ...result,
        done,
      }));
    }

    it("needs --rename or --clone for another name, and changes nothing without", async () => {
      const { done, stderr, status } = await edit("");
      expect(status).to.equal(1);
      expect(stderr).to.match(
        /^error: Must use --rename or --clone to change old to new\nerror: Failed to update old\n/,
      );
      expect(done).to.deep.equal([]);
    });

    it("renames without a word, and clones with one", async () => {
      const renamed = await edit("--rename");
      expect(renamed.done).to.deep.equal(["create", "delete old"]);
      expect(renamed.stdout).to.equal("\n");
      const cloned = await edit("--clone");
      expect(cloned.done).to.deep.equal(["create"]);
      expect(cloned.stdout).to.equal("Snapshot old cloned to new.\n\n");
    });

    it("fails without a crash where virsh crashes: a bad document and no terminal", async () => {
      const { status, stderr, done } = await edit("--clone", {
        create: () => Promise.reject(new DomsnapError("xml-error", "bad")),
      });
      expect(status).to.equal(1);
      expect(stderr).to.match(/^error: XML error: bad\nerror: Failed to update old\n/);
      expect(done).to.deep.equal([]);
    });

    it("tells of an editor that fails or is missing", async () => {
      const calls: Partial<SnapshotService> = {
        info: () => Promise.resolve({ head: head("old") } as never),
        getXml: () => Promise.resolve("<domainsnapshot/>\n"),
      };
      const line = ["snapshot-edit vm1 old"];
      const failed = await run(line, calls, {
        env: { PATH: process.env["PATH"], EDITOR: "false" },
      });
      expect(failed.stderr).to.match(
        /^error: internal error: Child process \(false .*\) unexpected exit status 1\n/,
      );
      const missing = await run(line, calls, { env: { EDITOR: "/nope/editor" } });
      expect(missing.stderr).to.include("cannot run editor '/nope/editor'");
    });
  });

  describe("xml", () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "domsnap-xml-"));
      await writeFile(
        join(folder, "vm.xml"),
        `<domain type='qemu'><name>vm1</name><uuid>11111111-2222-3333-4444-555555555555</uuid>
<memory>1024</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'>
<driver name='qemu' type='qcow2'/><source file='/img/a.qcow2'/><target dev='vda' bus='virtio'/>
</disk></devices></domain>`,
      );
      await writeFile(join(folder, "s.xml"), "<domainsnapshot><name>s1</name></domainsnapshot>");
      await writeFile(join(folder, "bad.xml"), "<domainsnapshot><name>s1</domainsnapshot>");
    });
    after(() => rm(folder, { recursive: true, force: true }));

    it("check prints the aligned document", async () => {
      const { status, stdout } = await runInProcess([
        "xml",
        "check",
        "--domain",
        join(folder, "vm.xml"),
        join(folder, "s.xml"),
      ]);
      expect(stdout).to.include("    <disk name='vda' snapshot='internal'/>\n");
      expect(stdout).to.include("  <state>shutoff</state>\n");
      expect(status).to.equal(0);
    });

    it("check takes the flags and the state of the domain", async () => {
      const line = `xml check ${folder}/s.xml --domain ${folder}/vm.xml --domain-state running --disk-only --ignore-files`;
      const { stdout } = await runInProcess([line]);
      expect(stdout).to.include("  <state>disk-snapshot</state>\n");
      expect(stdout).to.include("<source file='/img/a.s1'/>");
    });

    it("check gives libvirt's error and status 1", async () => {
      const line = `xml check ${folder}/s.xml --domain ${folder}/vm.xml --current`;
      const { status, stderr } = await runInProcess([line]);
      expect(status).to.equal(1);
      expect(stderr).to.match(
        /^error: Flag 'VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE' is required by flag 'VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT'\n/,
      );
      expect((await runInProcess([`xml format ${folder}/bad.xml`])).status).to.equal(1);
    });
  });
});
