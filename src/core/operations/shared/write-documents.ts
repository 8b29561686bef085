import type { DomainDefinition, DomainSnapshot } from "../../model/index.js";
import type { DefinitionEdit, RecordEdit } from "../../plan/document-edits.js";
import type { DiskRelocation, SnapshotDocuments } from "../../ports/index.js";

/** What `SnapshotDocuments` does to definitions. */
type Documents = Pick<SnapshotDocuments, "relocateDisks" | "renameDomain">;

/** The definition as a decision wants it; the same one where nothing changes. */
export function writeDefinition(
  documents: Documents,
  { definition, name = definition.name, relocations }: DefinitionEdit,
): DomainDefinition {
  const named = definition.name === name ? definition : documents.renameDomain(definition, name);
  return relocated(documents, named, relocations);
}

/** The record as a decision wants it. */
export function writeRecord(
  documents: Documents,
  { snapshot, ...edit }: RecordEdit,
): DomainSnapshot {
  const domain = snapshot.domain && relocated(documents, snapshot.domain, edit.domain);
  const inactiveDomain =
    snapshot.inactiveDomain && relocated(documents, snapshot.inactiveDomain, edit.inactiveDomain);
  return { ...snapshot, ...(domain && { domain }), ...(inactiveDomain && { inactiveDomain }) };
}

function relocated(
  documents: Documents,
  definition: DomainDefinition,
  relocations: readonly DiskRelocation[],
): DomainDefinition {
  return relocations.length > 0 ? documents.relocateDisks(definition, relocations) : definition;
}
