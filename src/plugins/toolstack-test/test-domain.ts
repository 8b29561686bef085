import {
  isActive,
  type Domain,
  type DomainDefinition,
  type DomainState,
} from "../../core/model/index.js";
import type { NodeDomain } from "./parse-node.js";

/** One simulated domain. Every change is idempotent: it is a wish for a state, not a step. */
export class TestDomain {
  readonly name: string;
  readonly uuid: string;
  persistent: boolean;
  #state: DomainState;
  #id: number | undefined;
  #live: DomainDefinition;
  /** What the domain will be started with. */
  #next: DomainDefinition;

  constructor(
    { definition, state, persistent }: Omit<NodeDomain, "snapshots">,
    private readonly nextId: () => number,
  ) {
    this.name = definition.name;
    this.uuid = definition.uuid;
    this.persistent = persistent;
    this.#live = this.#next = definition;
    this.#state = state;
    this.#id = state === "shutoff" ? undefined : nextId();
  }

  get state(): DomainState {
    return this.#state;
  }

  /** A transient domain goes away when it stops. (It may come back: a revert stops and starts.) */
  get exists(): boolean {
    return this.persistent || this.active;
  }

  get active(): boolean {
    return isActive(this);
  }

  /** What a `domain.define` would replace. */
  get nextDefinition(): DomainDefinition {
    return this.#next;
  }

  view(): Domain {
    const { name, uuid, state, persistent } = this;
    const id = this.#id === undefined ? {} : { id: this.#id };
    const inactive = this.active && persistent ? { inactiveDefinition: this.#next } : {};
    return { name, uuid, ...id, state, persistent, definition: this.#live, ...inactive };
  }

  define(definition: DomainDefinition): void {
    this.#next = definition;
    if (!this.active) this.#live = definition;
  }

  start(state: "running" | "paused"): void {
    if (!this.active) {
      this.#id = this.nextId();
      this.#live = this.#next;
    }
    this.#state = state;
  }

  stop(): void {
    if (!this.active) return;
    this.#state = "shutoff";
    this.#id = undefined;
    this.#live = this.#next;
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  resume(): void {
    if (this.#state === "paused") this.#state = "running";
  }
}
