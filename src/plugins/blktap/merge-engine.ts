import { DomsnapError } from "../../core/errors/index.js";
import { isToolInstalled, runTool } from "../../host/run-tool.js";
import {
  assertMergeable,
  assertMerged,
  damaged,
  isPortableParent,
  mergeIntoParent,
  repairVhd,
  type ImageFiles,
  type MergeOptions,
  type MergeTarget,
} from "../../formats/vhd/index.js";

/** Who copies what an overlay holds down into the image below it; the rest is always our own. */
export interface MergeEngine {
  /** Throws when this engine cannot be had on this host. */
  assertAvailable(): void;
  /** Throws what would keep `merge` from it, as things stand. Changes nothing. */
  assertReady(child: string, parent: MergeTarget): Promise<void>;
  /**
   * Makes the parent hold, durably, every sector that the child holds. The content of the child
   * stays, so that this can be repeated after a crash at any point of it.
   */
  merge(child: string, parent: MergeTarget, options: MergeOptions): Promise<void>;
}

/** Names what copies: `native`, which is the default, or `vhd-util`. */
export const ENGINE_VARIABLE = "DOMSNAP_VHD_ENGINE";

export interface EngineChoice {
  /** Default: the value of `DOMSNAP_VHD_ENGINE`, else `native`. */
  readonly engine?: string;
  /** The program of that engine, found in PATH by default. */
  readonly vhdUtil?: string;
}

/** The engine of this name; for an unknown one something that refuses with the names there are. */
export function chooseEngine(files: ImageFiles, choice: EngineChoice): MergeEngine {
  const name = choice.engine ?? process.env[ENGINE_VARIABLE] ?? "";
  if (name === "" || name === "native") return new NativeEngine(files);
  if (name === "vhd-util") return new VhdUtilEngine(files, choice.vhdUtil ?? "vhd-util");
  return new UnknownEngine(name);
}

class NativeEngine implements MergeEngine {
  constructor(private readonly files: ImageFiles) {}

  assertAvailable(): void {
    // It is part of this program.
  }

  assertReady(child: string, parent: MergeTarget): Promise<void> {
    return assertMergeable(this.files, child, parent);
  }

  merge(child: string, parent: MergeTarget, options: MergeOptions): Promise<void> {
    return mergeIntoParent(this.files, child, parent, options);
  }
}

/**
 * Copies by `vhd-util coalesce`, which writes past the host's cache as tapdisk does. It believes
 * any 512 bytes at the end of a file to be the footer and follows the path of the parent alone, so
 * both files are made whole before and the result is read back after; the caller has compared
 * UUIDs. It is killed when this process gives up, and keeps the domain's lock when it is not.
 */
class VhdUtilEngine implements MergeEngine {
  constructor(
    private readonly files: ImageFiles,
    private readonly program: string,
  ) {}

  assertAvailable(): void {
    if (isToolInstalled(this.program)) return;
    throw new DomsnapError(
      "tool-missing",
      `${ENGINE_VARIABLE} asks for '${this.program}', which is not installed`,
      {
        hint: `Install XenServer's blktap tools, or unset ${ENGINE_VARIABLE}: domsnap merges VHDs by itself.`,
      },
    );
  }

  async assertReady(child: string, parent: MergeTarget): Promise<void> {
    this.assertAvailable();
    await assertMergeable(this.files, child, parent);
    const real = await Promise.all([child, parent.path].map((path) => this.files.realPath(path)));
    if (isPortableParent(real[0] ?? child, real[1] ?? parent.path)) return;
    throw damaged(
      child,
      `vhd-util cannot follow the letters of its parent's name '${parent.path}'`,
      `Unset ${ENGINE_VARIABLE}: domsnap merges it by itself.`,
    );
  }

  async merge(
    child: string,
    parent: MergeTarget,
    { signal, onProgress }: MergeOptions,
  ): Promise<void> {
    await this.assertReady(child, parent);
    await repairVhd(this.files, child);
    if (parent.format === "vhd") await repairVhd(this.files, parent.path);
    await runTool(this.program, ["coalesce", "-n", child], {
      keepsLock: true,
      ...(signal && { signal }),
    });
    await this.#sync(parent.path);
    try {
      await assertMerged(this.files, child, parent, onProgress);
    } catch (error) {
      throw new DomsnapError(
        "operation-failed",
        `'${this.program} coalesce' said that it was done, and it was not: ${String(error)}`,
        {
          cause: error,
          hint: `Unset ${ENGINE_VARIABLE} and repeat: the overlay still holds everything.`,
        },
      );
    }
  }

  async #sync(path: string): Promise<void> {
    const file = await this.files.open(path, "write");
    await file.sync().finally(() => file.close());
  }
}

class UnknownEngine implements MergeEngine {
  constructor(private readonly name: string) {}

  assertAvailable(): never {
    throw new DomsnapError("invalid-argument", `${ENGINE_VARIABLE} is '${this.name}'`, {
      hint: "Set it to 'native' or to 'vhd-util'.",
    });
  }

  assertReady(): Promise<void> {
    return this.assertAvailable();
  }

  merge(): Promise<void> {
    return this.assertAvailable();
  }
}
