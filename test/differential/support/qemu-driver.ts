import { execFileSync } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NOBODY, QEMU_CONF } from "../../../scripts/embedded-libvirt.mjs";
import { qemuRules } from "../../../src/core/model/index.js";
import { formatElement } from "../../../src/xml/index.js";
import { IMAGE_FILES, sketchedDomainXml } from "./domain-arbitrary.js";
import { rememberFolder } from "./files.js";
import { play, type Outcome } from "./play.js";
import type { PlacedScenario, Scenario } from "./scenario.js";
import { errorIn, runVirsh, type VirshSession } from "./virsh.js";

/**
 * libvirt's QEMU driver inside the virsh process, without a daemon. Every domain has a folder of
 * its own with small but real images.
 */
export class QemuDriverBench {
  readonly #directory = mkdtempSync(join(tmpdir(), "domsnap-qemu-driver-"));
  readonly #session: VirshSession;
  #domains = 0;

  constructor() {
    const root = join(this.#directory, "root");
    mkdirSync(join(root, "etc"), { recursive: true });
    writeFileSync(join(root, "etc", "qemu.conf"), QEMU_CONF);
    const template = join(this.#directory, "template");
    mkdirSync(template);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(template, "qcow2"), "64K"]);
    writeFileSync(join(template, "raw"), Buffer.alloc(65536));
    giveToNobody(this.#directory);
    const userId = process.getuid?.() === 0 ? { userId: NOBODY } : {};
    this.#session = { uri: `qemu:///embed?root=${root}`, directory: this.#directory, ...userId };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  /** Plays scenarios, each on a domain of its own, and tells what came of them. */
  play(scenarios: readonly Scenario[]): Outcome {
    const placed = this.#define(scenarios);
    try {
      return play(
        {
          session: this.#session,
          rules: qemuRules,
          probeFor: ({ directory }) => rememberFolder(directory),
        },
        placed,
      );
    } finally {
      runVirsh(
        this.#session,
        placed.map(({ name }) => `undefine ${name} --snapshots-metadata`),
      );
      for (const { directory } of placed) rmSync(directory, { recursive: true });
    }
  }

  #define(scenarios: readonly Scenario[]): PlacedScenario[] {
    const places = scenarios.map(() => this.#makePlace());
    const sketched = scenarios.map((scenario, index) =>
      formatElement(sketchedDomainXml(scenario.domain, at(places, index))),
    );
    // A new snapshot keeps what a migration would send: without the default controllers, which
    // come back last. A definition that was sent already stays as it is.
    const sent = this.#defineAll(places, sketched, "--migratable");
    const definitions = this.#defineAll(places, sent);
    return scenarios.map((scenario, index) => ({
      ...scenario,
      ...at(places, index),
      domainXml: at(definitions, index),
    }));
  }

  /** Defines domains and returns their definitions as libvirt prints them. */
  #defineAll(places: readonly Place[], definitions: readonly string[], form = ""): string[] {
    const defines = places.map(({ directory }, index) => {
      const file = join(directory, "domain.xml");
      writeFileSync(file, at(definitions, index));
      return `define ${file}`;
    });
    const dumps = places.map(({ name }) => `dumpxml ${name} --inactive ${form}`);
    const answers = runVirsh(this.#session, [...defines, ...dumps]);
    const refused = answers.map(errorIn).find((error) => error !== undefined);
    if (refused !== undefined) throw new Error(`a domain is not definable: ${refused}`);
    return answers.slice(defines.length).map((answer) => answer.trim());
  }

  #makePlace(): Place {
    const number = this.#domains++;
    const directory = join(this.#directory, `d${number}`);
    mkdirSync(directory);
    for (const { name, from } of IMAGE_FILES)
      copyFileSync(join(this.#directory, "template", from), join(directory, name));
    writeFileSync(join(directory, "empty"), "");
    writeFileSync(join(directory, "other"), "taken");
    giveToNobody(directory);
    const uuid = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
    return { type: "qemu", name: `d${number}`, uuid, directory };
  }
}

interface Place {
  readonly type: string;
  readonly name: string;
  readonly uuid: string;
  readonly directory: string;
}

function at<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new Error(`nothing at ${index}`);
  return value;
}

function giveToNobody(directory: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(directory, NOBODY, NOBODY);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) giveToNobody(path);
    else chownSync(path, NOBODY, NOBODY);
  }
}
