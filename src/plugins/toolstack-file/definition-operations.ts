import type { DomainOperations } from "../../core/ports/index.js";
import { defineInFolder } from "../../plugin-kit/define-in-folder.js";
import type { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { discardMemory } from "../../qemu-images/unlink-unneeded.js";

/**
 * Replaces definitions, and discards memory that another connection or libvirt has saved. Nothing
 * else: these domains never run.
 */
export function definitionOperations(definitions: DefinitionFolder): DomainOperations {
  return {
    "domain.define": defineInFolder(definitions),
    "domain.discard-memory": discardMemory,
  };
}
