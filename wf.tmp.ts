import { readXml } from "./src/xml/index.js";
import { readFileSync } from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
for (const line of readFileSync("/tmp/xw/verdicts.txt","utf8").trim().split("\n")) {
  const [f, v] = line.split(" ");
  if (v === "ok") continue;
  const bytes = readFileSync("/tmp/xw/"+f!);
  let msg="";
  try { readXml(new Uint8Array(bytes), {documentName:"(domain_snapshot)"}); } catch (e) { msg=(e as Error).message; }
  const err = spawnSync("virsh",["-c","test:///default","snapshot-create","test","/tmp/xw/"+f!],{encoding:"utf8"}).stderr.replace(/^error: /,"").replace(/\n$/,"");
  if (msg !== err) console.log(f, JSON.stringify(bytes.toString("latin1").slice(0,60)), "\n  virsh", JSON.stringify(err.slice(0,150)),"\n  mine ", JSON.stringify(msg.slice(0,150)));
}
