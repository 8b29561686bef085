import { expect } from "chai";
import { generatedPages, readText } from "../../scripts/generate-docs.js";

describe("generated documents", () => {
  for (const [path, text] of generatedPages())
    it(`${path} is up to date (node --import tsx scripts/generate-docs.ts)`, () => {
      expect(readText(path)).to.equal(text);
    });

  it("hold the example of the plugin guide, as an outside package imports it", () => {
    const guide = readText("docs/plugin-guide.md");
    expect(guide).to.include('} from "domsnap/plugin";').and.to.include("inventoryModule");
    expect(guide).not.to.include("../../src");
  });
});
