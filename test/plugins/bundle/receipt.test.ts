import { expect } from "chai";

import { formatReceipt, parseReceipt } from "../../../src/plugins/bundle/receipt.js";
import { everyDamage } from "../../support/damage.js";

const RECEIPT = {
  version: "4096 1700000000000000000 7 64769 001-a",
  token: "0123456789ab",
  identity: "7@1700000000000000000",
  copied: { sha256: "0".repeat(64), bytes: 4096 },
};

describe("the receipt of a copy", () => {
  it("is one line behind its checksum", () => {
    expect(formatReceipt(RECEIPT)).to.match(/^[0-9a-f]{8} \{"version":"4096 .*\n$/);
    expect(parseReceipt(formatReceipt(RECEIPT))).to.deep.equal(RECEIPT);
    const { copied: _none, ...begun } = RECEIPT;
    expect(parseReceipt(formatReceipt(begun))).to.deep.equal(begun);
  });

  it("with any bit flipped, or cut off anywhere, says what it said or counts as none", () => {
    const whole = Buffer.from(formatReceipt(RECEIPT));
    let none = 0;
    for (const { what, bytes } of everyDamage(whole)) {
      const receipt = parseReceipt(bytes.toString("utf8"));
      if (receipt === undefined) none++;
      else {
        expect(receipt, what).to.deep.equal(RECEIPT);
        // All that may be missing is the line end.
        expect(bytes.length, what).to.equal(whole.length - 1);
      }
    }
    expect(none).to.be.greaterThan(8 * whole.length);
  });

  it("of another version counts as none", () => {
    expect(parseReceipt("4096 1 2 3 \n" + "0".repeat(64) + "\n4096\n")).to.equal(undefined);
    const more = { ...RECEIPT, blocks: 8 };
    expect(parseReceipt(formatReceipt(more))).to.equal(undefined);
  });
});
