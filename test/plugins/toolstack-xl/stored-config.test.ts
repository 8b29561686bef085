import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { patience } from "../../../scripts/test-run/patience.cjs";
import type { ImageMove } from "../../../src/qemu-images/live/index.js";
import { parseLongList, withLibxlLock } from "../../../src/clients/xl/index.js";
import { StoredConfig } from "../../../src/plugins/toolstack-xl/stored-config.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { testFolder } from "../../support/images/folder.js";
import { readTranscript } from "../../clients/xl/transcripts.js";

const UUID = "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab";
const ID = 2;

const image = (name: string) => `/var/lib/xen/images/recorded-${name}.img`;
const move = (target: string, from: string, to: string, formats = ["qcow2", "qcow2"]): ImageMove =>
  ({
    target,
    from: { path: from, type: "file", format: formats[0] },
    to: { path: to, type: "file", format: formats[1] },
  }) as ImageMove;
const back = ({ target, from, to }: ImageMove): ImageMove => ({ target, from: to, to: from });

describe("what libxl has stored of a running guest", () => {
  const folder = testFolder();
  const path = (what: string, kind: string) =>
    folder.file(`userdata-${what}.${ID}.${UUID}.${kind}`);
  const xenstore = new Map<string, string>();
  const transactions: ReadonlyMap<string, string>[] = [];
  const access = {
    read: (node: string) => Promise.resolve(xenstore.get(node)),
    write: (nodes: ReadonlyMap<string, string>) => {
      if (nodes.size > 0) transactions.push(nodes);
      for (const [node, value] of nodes) xenstore.set(node, value);
      return Promise.resolve();
    },
  };
  const backend = `/local/domain/0/backend/qdisk/${ID}/51712`;
  const device = `/libxl/${ID}/device/vbd/51712`;
  const overlay = move("xvda", image("a"), "/images/a.s1");
  let config: StoredConfig;
  let before = "";

  beforeEach(() => {
    const [{ config: recorded } = { config: undefined }] = JSON.parse(
      readTranscript("list-long-one").stdout,
    ) as { config: unknown }[];
    before = `${JSON.stringify(recorded, undefined, 4)}\n\0`;
    writeFileSync(path("d", "libxl-json"), before, { mode: 0o600 });
    transactions.length = 0;
    xenstore.clear();
    for (const node of [backend, device]) xenstore.set(`${node}/params`, `qcow2:${image("a")}`);
    xenstore.set(`${device}/backend`, backend);
    config = new StoredConfig({ id: ID, uuid: UUID }, folder.path, access);
  });

  const disks = () => {
    const json = readFileSync(path("d", "libxl-json"), "utf8");
    expect(json.endsWith("}\0")).to.equal(true);
    const list = `[{ "domid": ${ID}, "config": ${json.slice(0, -1)} }]`;
    return parseLongList(list)[0]?.config.disks ?? [];
  };

  it("follows a disk to its overlay and back, and leaves all else as it was", async () => {
    expect(config.isMoved([overlay])).to.equal(false);
    await config.move([overlay]);
    expect(config.isMoved([overlay])).to.equal(true);
    const [first, second] = disks();
    expect(first).to.include({ pdev_path: "/images/a.s1", format: "qcow2", backend: "qdisk" });
    expect(second).to.include({ pdev_path: image("b") });
    expect(statSync(path("d", "libxl-json")).mode & 0o777).to.equal(0o600);
    await config.move([back(overlay)]);
    const json = (text: string): unknown => JSON.parse(text.replace(/\0$/, ""));
    expect(json(readFileSync(path("d", "libxl-json"), "utf8"))).to.deep.equal(json(before));
  });

  it("sets both of xenstore's directories in one transaction", async () => {
    await config.move([overlay]);
    expect(transactions.map((nodes) => [...nodes])).to.deep.equal([
      [
        [`${device}/params`, "qcow2:/images/a.s1"],
        [`${backend}/params`, "qcow2:/images/a.s1"],
      ],
    ]);
  });

  it("knows a raw image by libxl's word for it", async () => {
    xenstore.set(`${device}/params`, `aio:${image("a")}`);
    await config.move([move("xvda", image("a"), "/images/a.s1", ["raw", "qcow2"])]);
    expect(xenstore.get(`${backend}/params`)).to.equal("qcow2:/images/a.s1");
    await config.move([move("xvda", "/images/a.s1", image("a"), ["qcow2", "raw"])]);
    expect(xenstore.get(`${backend}/params`)).to.equal(`aio:${image("a")}`);
    expect(disks()[0]).to.include({ format: "raw" });
  });

  it("may be repeated, and goes on where it was interrupted", async () => {
    await config.move([overlay]);
    const moved = readFileSync(path("d", "libxl-json"), "utf8");
    await config.move([overlay]);
    expect(readFileSync(path("d", "libxl-json"), "utf8")).to.equal(moved);
    expect(transactions).to.have.length(1);
    xenstore.set(`${device}/params`, `qcow2:${image("a")}`);
    await config.move([overlay]);
    expect(transactions).to.have.length(2);
  });

  it("leaves a disk that is on another image", async () => {
    await config.move([move("xvda", "/images/middle", "/images/below")]);
    expect(readFileSync(path("d", "libxl-json"), "utf8")).to.equal(before);
    expect(transactions).to.deep.equal([]);
  });

  it("moves a text that is to count at the next reboot, with its comments", async () => {
    const text = `name = "g" # mine\ndisk = [ "${image("a")},qcow2,xvda,rw" ]\n`;
    writeFileSync(path("d", "xl"), text);
    await config.move([overlay]);
    const moved = readFileSync(path("d", "xl"), "utf8");
    expect(moved).to.include("# mine").and.include("target=/images/a.s1");
    expect(moved).not.to.include(image("a"));
  });

  it("leaves no lock and no half-written file", async () => {
    writeFileSync(path("n", "libxl-json"), "of one that died");
    await config.move([overlay]);
    expect(readdirSync(folder.path)).to.deep.equal([`userdata-d.${ID}.${UUID}.libxl-json`]);
  });

  it("says so when libxl keeps no configuration", async () => {
    const other = new StoredConfig({ id: 9, uuid: UUID }, folder.path, access);
    await expectError(other.move([overlay]), "operation-failed", /libxl has no configuration/);
  });
});

describe("withLibxlLock", () => {
  const folder = testFolder();

  it("waits for flock(2), as libxl takes it, and holds it for others", async () => {
    const path = folder.file("lock");
    const other = spawn("flock", ["-x", path, "-c", "echo held; sleep 1"]);
    await new Promise((resolve) => other.stdout.once("data", resolve));
    let ended = false;
    other.once("exit", () => {
      ended = true;
    });
    await withLibxlLock(path, async () => {
      await sleep(patience(50));
      expect(ended).to.equal(true);
      const late = spawn("flock", ["-n", "-x", path, "-c", "true"]);
      const status = await new Promise((resolve) => late.once("exit", resolve));
      expect(status).to.equal(1);
    });
    expect(existsSync(path)).to.equal(false);
  });

  it("begins anew when the last owner has unlinked the file", async () => {
    const path = folder.file("lock");
    // The owner unlinks before it lets go, as libxl does: what is locked then is no lock any more.
    const other = spawn("flock", ["-x", path, "-c", `echo held; sleep 1; rm ${path}`]);
    await new Promise((resolve) => other.stdout.once("data", resolve));
    await withLibxlLock(path, () => {
      expect(existsSync(path)).to.equal(true);
      return Promise.resolve();
    });
  });
});
