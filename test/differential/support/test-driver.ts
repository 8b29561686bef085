import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testRules } from "../../../src/core/model/index.js";
import { element, formatElement, type XmlElement } from "../../../src/xml/index.js";
import { IMAGE_FILES, sketchedDomainXml } from "./domain-arbitrary.js";
import { probeHostFile } from "./files.js";
import { play, type Outcome } from "./play.js";
import type { PlacedScenario, Scenario } from "./scenario.js";
import { runVirsh } from "./virsh.js";

const RUN_STATES = { running: "1", paused: "3", shutoff: "5" };

/** libvirt's test driver: domains of a node file, which share a folder of images. */
export class TestDriverBench {
  readonly #directory = mkdtempSync(join(tmpdir(), "domsnap-test-driver-"));

  constructor() {
    for (const { name } of IMAGE_FILES) writeFileSync(join(this.#directory, name), "image");
    writeFileSync(join(this.#directory, "empty"), "");
    writeFileSync(join(this.#directory, "other"), "taken");
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  /** Plays scenarios, each on a domain of its own, and tells what came of them. */
  play(scenarios: readonly Scenario[]): Outcome {
    const node = join(this.#directory, "node.xml");
    const domains = scenarios.map((scenario, index) => this.#domainXml(scenario, index));
    writeFileSync(node, formatElement(element("node", {}, domains)));
    const session = { uri: `test://${node}`, directory: this.#directory };
    const dumps = runVirsh(
      session,
      scenarios.map((_, index) => `dumpxml d${index} --inactive`),
    );
    const placed = scenarios.map((scenario, index): PlacedScenario => ({
      ...scenario,
      name: `d${index}`,
      directory: this.#directory,
      domainXml: (dumps[index] ?? "").trim(),
    }));
    return play({ session, rules: testRules, probeFor: () => probeHostFile }, placed);
  }

  #domainXml(scenario: Scenario, index: number): XmlElement {
    const uuid = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
    const place = { type: "test", name: `d${index}`, uuid, directory: this.#directory };
    const domain = sketchedDomainXml(scenario.domain, place);
    const state = element("test:runstate", {}, [RUN_STATES[scenario.domain.state]]);
    const attributes = new Map(domain.attributes).set(
      "xmlns:test",
      "http://libvirt.org/schemas/domain/test/1.0",
    );
    return { ...domain, attributes, children: [...domain.children, state] };
  }
}
