import { expect } from "chai";
import fc from "fast-check";

import { QmpFraming } from "../../../src/clients/qmp/qmp-framing.js";
import { thrownBy } from "./support/thrown-by.js";

describe("QmpFraming", () => {
  it("gives the same lines however the stream is cut", () => {
    const line = fc.string({ unit: "grapheme", minLength: 1 }).map((text) => JSON.stringify(text));
    const cuts = fc.array(fc.nat(), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(line), cuts, fc.constantFrom("\n", "\r\n"), (lines, places, end) => {
        const stream = Buffer.from(lines.map((text) => text + end).join(""));
        const framing = new QmpFraming();
        const received = cutAt(stream, places).flatMap((chunk) => framing.push(chunk));
        expect(received).to.deep.equal(lines);
      }),
    );
  });

  it("keeps an unfinished line for later", () => {
    const framing = new QmpFraming();
    expect(framing.push(Buffer.from('{"a"'))).to.deep.equal([]);
    expect(framing.push(Buffer.from(":1}\n{"))).to.deep.equal(['{"a":1}']);
  });

  it("drops blank lines", () => {
    expect(new QmpFraming().push(Buffer.from("\r\n\n{}\n"))).to.deep.equal(["{}"]);
  });

  it("takes a line of the limit and no longer one, in one chunk or many", () => {
    expect(new QmpFraming(4).push(Buffer.from("1234\n1234\n"))).to.have.length(2);
    const whole = thrownBy(() => new QmpFraming(4).push(Buffer.from("12345\n")));
    expect(whole.code).to.equal("tool-failed");
    const framing = new QmpFraming(4);
    framing.push(Buffer.from("123"));
    expect(thrownBy(() => framing.push(Buffer.from("45"))).code).to.equal("tool-failed");
  });
});

function cutAt(stream: Buffer, places: readonly number[]): Buffer[] {
  const cuts = places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b);
  return [...cuts, stream.length].map((end, index) => stream.subarray(cuts[index - 1] ?? 0, end));
}
