import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FileProbe } from "../../../src/core/ports/index.js";
import type { DriverRules } from "../../../src/core/model/index.js";
import { sketchedDocument } from "./document-arbitrary.js";
import {
  answerOf,
  compareSteps,
  stepCommands,
  type Answer,
  type PlacedScenario,
} from "./scenario.js";
import { treeCommands, treeDisagreements } from "./tree-check.js";
import { runVirsh, type VirshSession } from "./virsh.js";

export interface Stage {
  readonly session: VirshSession;
  readonly rules: DriverRules;
  /** What the rules see of the host's files. */
  readonly probeFor: (scenario: PlacedScenario) => FileProbe;
}

/** What came of a play. */
export interface Outcome {
  readonly disagreements: readonly string[];
  readonly answers: readonly Answer[];
}

/** Lets libvirt and our rules play the same scenarios. */
export function play(stage: Stage, scenarios: readonly PlacedScenario[]): Outcome {
  const acts = scenarios.map((scenario) => ({
    scenario,
    probe: stage.probeFor(scenario),
    steps: writeDocuments(stage.session, scenario),
    tree: scenario.tree ? treeCommands(scenario.name, scenario.tree) : [],
  }));
  const said = runVirsh(
    stage.session,
    acts.flatMap(({ scenario, steps, tree }) => [
      ...steps,
      ...tree,
      `dumpxml ${scenario.name} --inactive`,
    ]),
  );
  const outcomes = acts.map(({ scenario, probe, steps, tree }): Outcome => {
    const saidToSteps = said.splice(0, steps.length);
    const answers = scenario.steps.map((step, index) =>
      answerOf(saidToSteps.slice(2 * index, 2 * index + 2), step),
    );
    const saidOfTree = said.splice(0, tree.length);
    const definition = (said.shift() ?? "").trim();
    const { disagreement, recorded, domainXml } = compareSteps(
      scenario,
      answers,
      stage.rules,
      probe,
    );
    if (disagreement !== undefined) return { disagreements: [disagreement], answers };
    if (definition !== domainXml)
      return {
        disagreements: [`libvirt goes on with\n${definition}\ndomsnap goes on with\n${domainXml}`],
        answers,
      };
    if (!scenario.tree) return { disagreements: [], answers };
    return {
      disagreements: treeDisagreements(scenario, scenario.tree, recorded, stage.rules, saidOfTree),
      answers,
    };
  });
  return {
    disagreements: outcomes.flatMap(({ disagreements }) => disagreements),
    answers: outcomes.flatMap(({ answers }) => answers),
  };
}

function writeDocuments({ directory }: VirshSession, scenario: PlacedScenario): string[] {
  return scenario.steps.flatMap((step, index) => {
    const file = `${scenario.name}.${index}.xml`;
    const document = sketchedDocument(step.document, { ...scenario, sketch: scenario.domain });
    writeFileSync(join(directory, file), document);
    return stepCommands(scenario, step, file);
  });
}
