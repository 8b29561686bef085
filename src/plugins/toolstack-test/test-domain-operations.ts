import { settled } from "../../core/model/index.js";
import type { DomainOperations, OperationContext } from "../../core/ports/index.js";
import { noSuchDomain } from "../../plugin-kit/domain-list.js";
import type { TestDomain } from "./test-domain.js";

type Work = (domain: TestDomain) => void;
type IsDone = (domain: TestDomain) => boolean;

/**
 * The operations on simulated domains, which have no images. `find` knows transient domains that
 * have stopped as well. Each throws `no-domain`.
 */
export function testDomainOperations(
  find: (uuid: string) => TestDomain | undefined,
): DomainOperations {
  const domainOf = ({ domain }: OperationContext): TestDomain => {
    const found = find(domain.uuid);
    if (!found) throw noSuchDomain(domain.name);
    return found;
  };
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  const change = async (context: OperationContext, work: Work) => {
    work(domainOf(context));
  };
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  const ask = async (context: OperationContext, isDone: IsDone) =>
    settled(isDone(domainOf(context)));
  return {
    "domain.define": {
      run: ({ definition }, context) => change(context, (domain) => domain.define(definition)),
      undo: ({ definition, previous }, context) =>
        change(context, (domain) => {
          if (domain.nextDefinition.xml === definition.xml) domain.define(previous);
        }),
      settle: ({ definition }, context) =>
        ask(context, ({ nextDefinition }) => nextDefinition.xml === definition.xml),
    },
    "domain.start": {
      run: ({ paused }, context) =>
        change(context, (domain) => domain.start(paused ? "paused" : "running")),
      settle: ({ paused }, context) =>
        ask(context, ({ state }) => state === (paused ? "paused" : "running")),
    },
    "domain.stop": {
      run: (_operation, context) => change(context, (domain) => domain.stop()),
      settle: (_operation, context) => ask(context, ({ active }) => !active),
    },
    "domain.pause": {
      run: (_operation, context) => change(context, (domain) => domain.pause()),
      undo: (_operation, context) =>
        change(context, (domain) => {
          if (domain.state === "paused") domain.resume();
        }),
      settle: (_operation, context) => ask(context, ({ state }) => state === "paused"),
    },
    "domain.resume": {
      run: (_operation, context) => change(context, (domain) => domain.resume()),
      settle: (_operation, context) => ask(context, ({ state }) => state === "running"),
    },
  };
}
