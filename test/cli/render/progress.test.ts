import { expect } from "chai";
import { ProgressLine } from "../../../src/cli/render/progress.js";

describe("ProgressLine", () => {
  const step = { kind: "disks.snapshot", index: 0, total: 3 } as const;
  const event = {
    ...step,
    type: "operation-progress",
    bytesDone: 1024 * 1024,
    bytesTotal: 4 * 1024 * 1024,
    subject: "vda",
  } as const;

  function lineAt(times: readonly number[]) {
    const left = [...times];
    const written: string[] = [];
    const line = new ProgressLine({
      write: (text) => void written.push(text),
      nowMs: () => left.shift() ?? 0,
    });
    return { line, written };
  }

  it("is silent in the first second, and then tells the step and the amount", () => {
    const { line, written } = lineAt([0, 999, 1000]);
    line.update(event);
    expect(written).to.deep.equal([]);
    line.update(event);
    expect(written).to.deep.equal(["\r\u001b[K[1/3] disks.snapshot vda 25% (1.0 MiB of 4.0 MiB)"]);
  });

  it("changes at most five times a second, and goes away", () => {
    const { line, written } = lineAt([0, 2000, 2100, 2200]);
    line.update(event);
    line.update(event);
    expect(written).to.have.length(1);
    line.update({ ...step, type: "undo-started" });
    line.clear();
    line.clear();
    expect(written.slice(1)).to.deep.equal(["\r\u001b[KUndoing disks.snapshot", "\r\u001b[K"]);
  });

  it("tells which file an export copies or reads back", () => {
    const { line, written } = lineAt([0, 1000, 1500]);
    const { bytesDone, bytesTotal } = event;
    const file = { type: "export-progress", index: 1, total: 2, subject: "vda.qcow2" } as const;
    line.update({ ...file, step: "copy", bytesDone, bytesTotal });
    line.update({ ...file, step: "checksum", bytesDone: 0, bytesTotal });
    expect(written).to.deep.equal([
      "\r\u001b[K[2/2] copy vda.qcow2 25% (1.0 MiB of 4.0 MiB)",
      "\r\u001b[K[2/2] checksum vda.qcow2 0% (0.0 MiB of 4.0 MiB)",
    ]);
  });
});
