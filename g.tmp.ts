import { readdirSync, readFileSync } from "node:fs";
import { parseSnapshot, formatSnapshot, parseSnapshotHead } from "./src/xml/index.js";
import { writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
const dir = "/work/main/fixtures/libvirt-xml/golden/";
for (const f of readdirSync(dir).filter((f) => f.endsWith(".in.xml"))) {
  const out = readFileSync(dir + f.replace(".in.", ".out."), "utf8");
  try {
  const mine = formatSnapshot(parseSnapshot(readFileSync(dir + f, "utf8"), { redefine: true }) as any, { secure: true });
  if (mine !== out) { writeFileSync("/tmp/xw/mine.xml", mine); try { execFileSync("diff", [dir + f.replace(".in.", ".out."), "/tmp/xw/mine.xml"]);} catch (e: any) { console.log(f, e.stdout.toString()); } }
  } catch (e) { console.log(f, (e as Error).message); }
}
