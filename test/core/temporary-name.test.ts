import { expect } from "chai";

import { isTemporaryName, newToken, temporaryName } from "../../src/core/model/index.js";

describe("names of incomplete files", () => {
  it("are told by the token at their end", () => {
    for (const purpose of ["partial", "staged", "tmp"])
      expect(
        isTemporaryName(temporaryName("/images/vda.s1", purpose, newToken())),
        purpose,
      ).to.equal(true);
    expect(temporaryName("/images/vda.s1", "partial", "0123456789ab")).to.equal(
      "/images/vda.s1.domsnap-partial-0123456789ab",
    );
  });

  it("are not those of parts of an overlay, which hold what a guest has written", () => {
    expect(isTemporaryName(temporaryName("/images/vda.s1", "part-a", newToken()))).to.equal(false);
  });

  it("are no other names", () => {
    for (const path of [
      "/images/vda.domsnap-partial",
      "/images/vda.domsnap-partial-0123456789ab.old",
      "/images/vda.domsnap-s1/vda-0123456789ab",
      "/images/vda-0123456789ab",
    ])
      expect(isTemporaryName(path), path).to.equal(false);
  });
});
