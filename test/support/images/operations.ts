import type { DomainDisk, ImageRef, Operation } from "../../../src/core/model/index.js";
import type { DiskBackend, OperationContext, Settled } from "../../../src/core/ports/index.js";
import { tableRunner, TestEvidence } from "../../../src/testing/index.js";

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
    evidence: new TestEvidence(),
    commit: () => Promise.resolve(),
    signal,
    progress: ({ subject }) => subjects.add(subject ?? ""),
    warn: (message) => warnings.push(message),
  };
  return { ...context, warnings, subjects };
}

/** Carries out the operations of one plan by one backend. */
export interface TestHandler {
  precheck(operation: Operation, context?: OperationContext): Promise<void>;
  run(operation: Operation, context?: OperationContext): Promise<void>;
  undo(operation: Operation, context?: OperationContext): Promise<void>;
  settle(operation: Operation, context?: OperationContext): Promise<Settled>;
}

/**
 * A backend at work on a plan whose evidence is given. Several with the same evidence are like
 * processes of which each has read the journal that the one before left.
 */
export function handlerOf(
  { operations }: Pick<DiskBackend, "operations">,
  evidence = new TestEvidence(),
): TestHandler {
  const runner = tableRunner(operations, evidence);
  const within = (context: OperationContext = testContext()) => ({ ...context, evidence });
  return {
    precheck: (operation, context) => runner.precheck(operation, within(context)),
    run: (operation, context) => runner.run(operation, within(context)),
    undo: (operation, context) => runner.undo(operation, within(context)),
    settle: (operation, context) => runner.settle(operation, within(context)),
  };
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
