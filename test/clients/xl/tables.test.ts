import { expect } from "chai";
import fc from "fast-check";

import {
  parseBlockList,
  parseList,
  parseVmList,
  virtualDeviceNumber,
} from "../../../src/clients/xl/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { readTranscript } from "./transcripts.js";

const idle = { running: false, blocked: false, paused: false, shutdown: false, dying: false };

describe("tables of xl", () => {
  it("reads recorded lists in three states", () => {
    const stateIn = (name: string) =>
      parseList(readTranscript(name).stdout).find((row) => row.name === "recorded")?.state;
    expect(stateIn("list")).to.deep.equal({ ...idle, blocked: true });
    expect(stateIn("list-paused")).to.deep.equal({ ...idle, paused: true });
    expect(stateIn("list-after-save")).to.deep.equal({ ...idle, paused: true });
    expect(parseList(readTranscript("list").stdout)[0]).to.deep.include({
      name: "Domain-0",
      id: 0,
    });
  });

  it("reads names with blanks and digits, also where they overflow their column", () => {
    const head = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n";
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9.-]([a-z0-9 .-]{0,60}[a-z0-9.-])?$/),
        fc.nat(),
        (name, id) => {
          const row = `${name.padEnd(40)} ${String(id).padStart(5)} 128 1     --p---       0.5\n`;
          const [read] = parseList(head + row);
          expect(read).to.deep.equal({ name, id, state: { ...idle, paused: true } });
        },
      ),
    );
  });

  it("tells why a domain is shut down", () => {
    const reasons = ["---s--", "---sr-", "---ss-", "---sc-", "---sw-", "---sS-"].map((state) => {
      const [row] = parseList(`head\nguest 1 128 1 ${state} 0.0\n`);
      return row?.state.shutdown === true && row.state.shutdownReason;
    });
    expect(reasons).to.deep.equal([
      ...[undefined, "reboot", "suspend", "crash", "watchdog", "soft-reset"],
    ]);
  });

  it("refuses a row that xl does not print", async () => {
    await expectError(() => parseList("head\nsomething else\n"), "tool-failed", /something else/);
  });

  it("reads ids by uuid", () => {
    expect(parseVmList(readTranscript("vm-list").stdout).at(-1)).to.deep.equal({
      uuid: "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab",
      id: 2,
      name: "recorded",
    });
  });

  it("reads what serves each disk", () => {
    expect(parseBlockList(readTranscript("block-list").stdout)).to.deep.equal([
      { deviceNumber: 51712, backend: "qdisk" },
      { deviceNumber: 51728, backend: "qdisk" },
      { deviceNumber: 51744, backend: "vbd" },
      { deviceNumber: 51760, backend: "vbd" },
    ]);
  });

  it("finds no disks of a domain that is gone, for which xl answers 0", () => {
    const { exitStatus, stdout } = readTranscript("block-list-no-such");
    expect(exitStatus).to.equal(0);
    expect(parseBlockList(stdout)).to.deep.equal([]);
  });

  for (const [vdev, number] of [
    ...[["xvda", 51712] as const, ["xvdb", 51728] as const, ["xvda1", 51713] as const],
    ...[["xvdq", 268439552] as const, ["hda", 768] as const, ["hdb", 832] as const],
    ...[["hdc", 5632] as const, ["hdd", 5696] as const, ["sda", 2048] as const],
    ...[["sdb", 2064] as const, ["51712", 51712] as const, ["0xca00", 51712] as const],
    ...[["d0p1", 51713] as const, ["xvdaa", 2 ** 28 + 26 * 256] as const],
    ...[["nosuch", undefined] as const, ["hde", undefined] as const, ["", undefined] as const],
  ])
    it(`numbers disk '${vdev}' ${number}`, () => {
      expect(virtualDeviceNumber(vdev)).to.equal(number);
    });
});
