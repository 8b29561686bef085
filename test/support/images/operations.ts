import type { DomainDisk, ImageRef } from "../../../src/core/model/index.js";
import type { OperationContext } from "../../../src/core/ports/index.js";

export interface TestContext extends OperationContext {
  readonly warnings: string[];
  /** Of the progress that was reported. */
  readonly subjects: Set<string>;
}

/** A context that keeps what it is told. */
export function testContext(
  signal: OperationContext["signal"] = new AbortController().signal,
): TestContext {
  const warnings: string[] = [];
  const subjects = new Set<string>();
  const context: OperationContext = {
    domain: { name: "guest", uuid: "8c1d6b5e-7f0a-4a52-9d4c-3c2f4f1f6f11" },
    signal,
    progress: ({ subject }) => subjects.add(subject ?? ""),
    warn: (message) => warnings.push(message),
  };
  return { ...context, warnings, subjects };
}

export function diskOf(image: ImageRef, partial: Partial<DomainDisk> = {}): DomainDisk {
  return {
    target: "vda",
    device: "disk",
    type: image.type,
    format: image.format,
    source: { path: image.path },
    readonly: false,
    shareable: false,
    transient: false,
    ...partial,
  };
}
