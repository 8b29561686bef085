import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FileProbe } from "../../../src/core/ports/index.js";
import type { DriverRules } from "../../../src/core/rules/index.js";
import { sketchedDocument } from "./document-arbitrary.js";
import { answerOf, disagreements, stepCommands, type PlacedScenario } from "./scenario.js";
import { runVirsh, type VirshSession } from "./virsh.js";

export interface Stage {
  readonly session: VirshSession;
  readonly rules: DriverRules;
  /** What the rules see of the host's files. */
  readonly probeFor: (scenario: PlacedScenario) => FileProbe;
}

/** Lets libvirt and our rules play the same scenarios and tells where they part. */
export function play(stage: Stage, scenarios: readonly PlacedScenario[]): string[] {
  const probes = scenarios.map((scenario) => stage.probeFor(scenario));
  const commands = scenarios.flatMap((scenario) => writeDocuments(stage.session, scenario));
  const answers = runVirsh(stage.session, commands);
  let next = 0;
  return scenarios.flatMap((scenario, index) => {
    const own = scenario.steps.map((step) => {
      next += 2;
      return answerOf(answers.slice(next - 2, next), step);
    });
    return disagreements(scenario, own, stage.rules, probes[index] ?? (() => ({ kind: "absent" })));
  });
}

function writeDocuments({ directory }: VirshSession, scenario: PlacedScenario): string[] {
  return scenario.steps.flatMap((step, index) => {
    const file = `${scenario.name}.${index}.xml`;
    const document = sketchedDocument(step.document, { ...scenario, sketch: scenario.domain });
    writeFileSync(join(directory, file), document);
    return stepCommands(scenario, step, file);
  });
}
