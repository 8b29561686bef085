import { expect } from "chai";
import { generatedPages, readText } from "../../scripts/generate-docs.js";

describe("generated documents", () => {
  for (const [path, text] of generatedPages())
    it(`${path} is up to date (node --import tsx scripts/generate-docs.ts)`, () => {
      expect(readText(path)).to.equal(text);
    });

  it("hold the examples of the plugin guide, as an outside package imports them", () => {
    const guide = readText("docs/plugin-guide.md");
    expect(guide).to.include('} from "domsnap/plugin";').and.not.include("../../src");
    for (const name of [
      "archiveBackend: ",
      "archiveOperations: ",
      "inventoryModule =",
      "jsonModule =",
    ])
      expect(guide).to.include(`export const ${name}`);
    expect(guide, "an example that no file was found for").not.to.include("```ts\n```");
  });
});
