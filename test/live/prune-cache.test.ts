import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { pruneCache, touchCached } from "./support/prune-cache.js";

describe("the cache of booted guests", () => {
  const DAY_S = 24 * 60 * 60;

  it("loses what nobody has used for days, unfinished ones included", () => {
    const cache = mkdtempSync(join(tmpdir(), "domsnap-cache-"));
    try {
      const nowS = Date.now() / 1000;
      for (const [name, days] of [
        ["today", 0],
        ["lately", 2],
        ["old", 4],
        ["used", 4],
        ["new-abc", 4],
      ] as const) {
        mkdirSync(join(cache, name));
        writeFileSync(join(cache, name, "memory"), "");
        utimesSync(join(cache, name), nowS, nowS - days * DAY_S);
      }
      touchCached(join(cache, "used"));
      touchCached(join(cache, "missing"));
      pruneCache(cache);
      expect(readdirSync(cache).sort()).to.deep.equal(["lately", "today", "used"]);
    } finally {
      rmSync(cache, { recursive: true });
    }
  });
});
