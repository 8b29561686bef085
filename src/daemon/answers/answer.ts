import type { ArgsOf, ProcedureName, PROCEDURES, ResultOf } from "../../rpc/index.js";
import type { Hypervisor } from "../hypervisor.js";
import type { DomainEvent } from "../state/event-hub.js";

/** What a call may use of the client that makes it. */
export interface Caller {
  /** Whether it may not change anything, by its socket or by its own wish. */
  readonly isReadOnly: boolean;
  /** What the client has opened. Throws libvirt's error before that. */
  readonly hypervisor: Hypervisor;
  /** Throws libvirt's errors for a connection that there is not, and for a second opening. */
  open(name: string | undefined, options: { readonly readOnly: boolean }): void;
  /** Forgets what was opened, with all registrations. */
  close(): void;
  /** The daemon sends pings from now on, and ends the connection when nothing answers. */
  expectKeepalive(): void;
  /** Sends events of one kind, of one domain or all; gives the id of the registration. */
  register(type: DomainEvent["type"] | undefined, domainUuid: string | undefined): number;
  /** False for an id that there is not. */
  deregister(callbackId: number): boolean;
}

type Table = typeof PROCEDURES;

/** The answer to one call. */
export type Answer<Name extends ProcedureName> = (
  args: ArgsOf<Table[Name]>,
  caller: Caller,
) => Promise<ResultOf<Table[Name]>> | ResultOf<Table[Name]>;

/** Answers by the names of the calls: a new one is one entry of the table and one function. */
export type Answers = { readonly [Name in ProcedureName]?: Answer<Name> };
