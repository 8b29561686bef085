import { expect } from "chai";
import { completeLine } from "../../src/cli/complete-line.js";
import { COMMAND_TABLE } from "../../src/cli/command-table.js";
import { head, listing, stubService } from "./stub-service.js";

describe("completeLine", () => {
  const service = stubService({
    list: () => Promise.resolve(listing({ heads: [head("s1"), head("needs quotes"), head("s2")] })),
  });
  const backends = [
    { id: "dd", summary: "copies" },
    { id: "qdisk", summary: "overlays" },
  ];
  const complete = (line: string) =>
    completeLine(line, COMMAND_TABLE, () => Promise.resolve({ ...service, backends }));

  const samples: [line: string, candidates: string[], partial: string][] = [
    ["snapshot-d", ["snapshot-delete", "snapshot-dumpxml"], "snapshot-d"],
    ["echo a; snapshot-r", ["snapshot-revert"], "snapshot-r"],
    ["xml ", ["check", "format"], ""],
    ["snapshot-list v", ["vm1"], "v"],
    ["snapshot-info vm1 ", ["s1", "s2"], ""],
    ["snapshot-list vm1 --from s", ["s1", "s2"], "s"],
    ["snapshot-list vm1 --tr", ["--tree"], "--tr"],
    ["xml check --domain-state p", ["paused"], "p"],
    ["snapshot-create-as vm1 s --diskspec vda,ba", [], "vda,ba"],
    [
      "snapshot-create-as vm1 s --diskspec vda,backend=",
      ["vda,backend=dd", "vda,backend=qdisk"],
      "vda,backend=",
    ],
    [
      "snapshot-create-as vm1 s --diskspec vda,file=/a,backend=q",
      ["vda,file=/a,backend=qdisk"],
      "vda,file=/a,backend=q",
    ],
    ["explain revert", ["revert-risky"], "revert"],
    ["nope x", [], "x"],
  ];
  for (const [line, candidates, partial] of samples)
    it(JSON.stringify(line), async () => {
      expect(await complete(line)).to.deep.equal([candidates, partial]);
    });

  it("offers nothing when the connection fails", async () => {
    const failing = () => Promise.reject(new Error("no connection"));
    expect(await completeLine("snapshot-list v", COMMAND_TABLE, failing)).to.deep.equal([[], "v"]);
  });
});
