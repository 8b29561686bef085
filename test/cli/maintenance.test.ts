import { expect } from "chai";

import { DomsnapError } from "../../src/core/errors/index.js";
import type { OpenOperation } from "../../src/core/operations/shared/results.js";
import { runInProcess } from "./run-in-process.js";
import { STUB_DOMAIN, stubService } from "./stub-service.js";

const domain = { name: STUB_DOMAIN.name, uuid: STUB_DOMAIN.uuid };
const operation: OpenOperation = {
  verb: "delete",
  snapshot: "s1",
  owner: { pid: 4711, host: "host1", sinceMs: 1_700_000_000_000 },
  finished: 2,
  total: 5,
  next: "completed",
};
const run = (line: readonly string[], calls: Parameters<typeof stubService>[0], more = {}) =>
  runInProcess(line, { openService: () => Promise.resolve(stubService(calls)), ...more });

describe("recover", () => {
  it("tells what was interrupted, by whom, and what became of it", async () => {
    const { status, stdout } = await run(["-q", "recover"], {
      recover: () => Promise.resolve([{ domain, operation, outcome: "completed" }]),
    });
    expect(status).to.equal(0);
    expect(stdout).to.match(
      /^vm1: delete of snapshot 's1', 2 of 5 operations finished, begun by process 4711 on host1 at .*: completed\n$/,
    );
  });

  it("has a status of its own when something could not be settled, and goes on with the rest", async () => {
    const error = new DomsnapError("recovery-failed", "no", { hint: "Bring the image back." });
    const { status, stdout } = await run(["-q", "recover"], {
      recover: () =>
        Promise.resolve([
          { domain, error },
          { domain, operation, outcome: "rolled-back" },
        ]),
    });
    expect(status).to.equal(2);
    expect(stdout).to.contain("not settled: ").and.to.contain("Bring the image back.");
    expect(stdout).to.contain(": rolled-back\n");
  });

  it("says so when there is nothing to do, unless it is to be quiet", async () => {
    const nothing = { recover: () => Promise.resolve([]) };
    expect((await run(["recover"], nothing)).stdout).to.contain("Nothing was interrupted");
    expect(await run(["-q", "recover"], nothing)).to.deep.equal({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });
});

describe("locks", () => {
  it("tells the holder, or that there is none any more", async () => {
    const locks = [
      { domain, holder: { description: "process 1 on host1", sinceMs: 0 }, operation },
      { domain: { ...domain, name: "vm2" }, operation },
    ];
    const { stdout } = await run(["-q", "locks"], { locks: () => Promise.resolve(locks) });
    expect(stdout).to.contain("vm1\n  locked by process 1 on host1\n  delete of snapshot 's1'");
    expect(stdout).to.match(/vm2\n {2}locked by nobody\n.*\n {2}interrupted; .* completed\n$/);
    const json = await run(["locks", "--json"], { locks: () => Promise.resolve(locks) });
    expect(JSON.parse(json.stdout)).to.have.nested.property(
      "locks[0].operation.owner.since",
      "2023-11-14T22:13:20.000Z",
    );
  });
});

describe("check --repair", () => {
  const finding = {
    code: "file-open",
    subject: "/f",
    detail: "its mode is 644",
    repair: { kind: "restrict-file", path: "/f" },
  } as const;
  const check = () => Promise.resolve([{ domain, findings: [finding] }]);

  it("is offered where it helps, but not to those who want it quiet", async () => {
    const offer = "Repeat the command with --repair to repair it\n";
    const { status, stdout } = await run(["check", "vm1"], { check });
    expect(status).to.equal(1);
    expect(stdout).to.match(new RegExp(`repair: take .*\n${offer}\n$`));
    expect((await run(["-q", "check", "vm1"], { check })).stdout).not.to.contain("--repair");
    const { repair: _none, ...hopeless } = finding;
    const stuck = () => Promise.resolve([{ domain, findings: [hopeless] }]);
    expect((await run(["check", "vm1"], { check: stuck })).stdout).not.to.contain("--repair");
  });

  it("lists, and repairs nothing for any answer but yes", async () => {
    const { status, stdout } = await run(["-q", "check", "vm1", "--repair"], { check });
    expect(status).to.equal(1);
    expect(stdout).to.contain("warning file-open: /f: its mode is 644");
    expect(stdout).to.contain("repair: take the permissions of others away from '/f'");
    expect(stdout).to.contain("Nothing was changed");
  });

  it("repairs what it has listed, and only that", async () => {
    let repaired: unknown;
    const repair = (...args: unknown[]) => {
      repaired = args[1];
      return Promise.resolve({ domain, findings: [] });
    };
    const line = ["-q", "check", "vm1", "--repair", "--yes"];
    const { status, stdout } = await run(line, { check, repair });
    expect(status).to.equal(0);
    expect(repaired).to.deep.equal([finding]);
    expect(stdout).to.contain("After the repair:\nNo problem found\n");
  });
});
