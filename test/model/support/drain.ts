import { descendants } from "./effects.js";
import type { Script } from "./script.js";
import { demand } from "./violation.js";

/**
 * With all files back and no fault, every snapshot can be deleted, leaves first, and nothing of
 * domsnap's is left. Domains that the user has put onto images of others get images of their own
 * when their own snapshots are gone: that is what a refusal advises.
 */
export async function drain(script: Script): Promise<void> {
  const { world } = script;
  for (const line of ["show", "close", "domsnap recover"]) await script.play(line);
  const refusals = new Map<string, string>();
  for (;;) {
    const leaves = leavesOf(script);
    if (leaves.length === 0) break;
    let isDone = false;
    for (const { domain, name } of leaves) {
      const command = `domsnap snapshot-delete ${domain} ${name}`;
      const ended = await script.play(command);
      // Of what a document names outside of the domain's folders only the record goes.
      const isForeign = ended?.text.startsWith("path-untrusted") === true;
      const last = isForeign ? await script.play(`${command} --metadata`) : ended;
      if (last?.status === 0) isDone = true;
      else refusals.set(`${domain} ${name}`, ended?.text ?? "");
    }
    if (isDone || (await script.separate())) continue;
    const stuck = leavesOf(script).map(({ domain, name }) => `${domain} ${name}`);
    demand(
      false,
      () =>
        `cannot be deleted: ${stuck.map((one) => `${one}: ${refusals.get(one) ?? ""}`).join("; ")}`,
    );
  }
  const left = world.leftFiles();
  demand(left.length === 0, () => `left over: ${left.join(", ")}`);
}

function leavesOf({ world }: Script) {
  return [...world.records()].flatMap(([domain, records]) =>
    [...records.keys()]
      .filter((name) => descendants(records, name).length === 0)
      .map((name) => ({ domain, name })),
  );
}
