export type FindingSeverity = "error" | "warning" | "note";

interface FindingKind {
  readonly severity: FindingSeverity;
  /** What it means for the user. */
  readonly meaning: string;
  /** What to do when there is no repair, or beside it. */
  readonly advice: string;
}

/**
 * Everything that `check` can find, by its stable code. An `error` means that a state cannot be
 * gone back to, or soon could not; a `warning` that something is not as it should be; a `note` that
 * something is unusual and harmless.
 */
export const FINDINGS = {
  interrupted: {
    severity: "warning",
    meaning: "a change was begun and not ended",
    advice: "Run 'domsnap recover'.",
  },
  "journal-unreadable": {
    severity: "error",
    meaning: "nobody can tell how far an interrupted change got; changes are refused until then",
    advice: "Restore the journal from a backup, or use the version of domsnap that wrote it.",
  },
  "definition-unreadable": {
    severity: "warning",
    meaning: "a domain cannot be listed, and nobody can tell which images it uses",
    advice: "Mend the document, make it readable, or move it away if it defines no domain.",
  },
  "record-unreadable": {
    severity: "error",
    meaning: "a snapshot cannot be listed, and no image is removed while it may need it",
    advice: "Restore the file from a backup, or move it away once its images are not needed.",
  },
  "backend-missing": {
    severity: "error",
    meaning: "the disk backend that keeps a disk of the snapshot is not installed",
    advice: "Install the plugin that made the snapshot; until then it can only be forgotten.",
  },
  "view-stale": {
    severity: "warning",
    meaning: "what other programs read of the snapshot is not what its record says",
    advice: "Let the repair write it from the record.",
  },
  "current-missing": {
    severity: "warning",
    meaning: "the mark of the current snapshot leads nowhere, so the next one becomes a root",
    advice: "Set it with 'domsnap snapshot-current DOMAIN NAME'.",
  },
  "parent-missing": {
    severity: "warning",
    meaning: "the snapshot hangs below one that does not exist; it is shown as a root",
    advice: "Let the repair make it a root.",
  },
  "parent-loop": {
    severity: "error",
    meaning: "snapshots are each other's ancestors",
    advice: "Let the repair make one of them a root.",
  },
  "image-missing": {
    severity: "error",
    meaning: "an image is not there, so the states that need it are lost",
    advice: "Bring the file back to its path.",
  },
  "image-unreadable": {
    severity: "error",
    meaning: "an image is not what its definition says, or is damaged",
    advice:
      "Look at it with 'qemu-img check' (a VHD: 'vhd-util check'). If it is only an overlay, " +
      "a revert makes a new one; else restore it from a backup.",
  },
  "image-damaged": {
    severity: "error",
    meaning: "an image contradicts itself, so nothing is built on it or merged into it",
    advice: "Restore it from a backup.",
  },
  "image-unfinished": {
    severity: "note",
    meaning: "whoever had the image open last was ended before it could close it; nothing is lost",
    advice: "Leave it: the next snapshot of the disk puts it right.",
  },
  "image-leaks": {
    severity: "note",
    meaning: "a program was ended at its work on the image, which takes room that nothing uses",
    advice: "Run 'qemu-img check -r leaks' to free it.",
  },
  "snapshot-file-missing": {
    severity: "error",
    meaning: "the file that holds the snapshot's state is not there",
    advice: "Bring it back, or forget the snapshot with 'snapshot-delete --metadata'.",
  },
  "memory-foreign": {
    severity: "error",
    meaning: "the file that is said to hold the snapshot's memory is something else",
    advice: "Bring the right file back, or forget the snapshot with 'snapshot-delete --metadata'.",
  },
  "snapshot-file-size": {
    severity: "error",
    meaning: "a frozen copy is smaller or larger than the disk it is a copy of",
    advice: "Restore the copy from a backup: a revert would change the size of the disk.",
  },
  "internal-missing": {
    severity: "error",
    meaning: "the image does not hold the snapshot that the record says it holds",
    advice: "Restore the image, or forget the snapshot with 'snapshot-delete --metadata'.",
  },
  "internal-ambiguous": {
    severity: "error",
    meaning: "the image holds several snapshots of that name; none of them will be touched",
    advice: "Delete the wrong ones with 'qemu-img snapshot -d'.",
  },
  "internal-unrecorded": {
    severity: "note",
    meaning: "the image holds a snapshot that no record tells of",
    advice:
      "Record it with 'snapshot-create --redefine', or remove it with 'qemu-img snapshot -d'.",
  },
  "image-unrecorded": {
    severity: "note",
    meaning: "a disk stands on an image that no snapshot tells of",
    advice:
      "Record it with 'domsnap import images --domain DOMAIN' if it is a state to go back to; " +
      "a template that disks share may stay as it is.",
  },
  "overlay-unlinked": {
    severity: "error",
    meaning: "an overlay does not stand on the image that its record says it froze",
    advice: "Correct the overlay with 'qemu-img rebase -u' if the contents are still equal.",
  },
  "overlay-unknown": {
    severity: "warning",
    meaning: "an image that no snapshot or domain names stands on one of this domain's",
    advice: "Remove it if nothing uses it: it keeps the image below from being merged.",
  },
  "chain-loop": {
    severity: "error",
    meaning: "images stand on one another in a circle",
    advice: "Restore one of the images from a backup.",
  },
  "chain-long": {
    severity: "warning",
    meaning: "so many images stand on one another that soon no overlay can be added",
    advice: "Delete old snapshots: that merges their images.",
  },
  "image-shared": {
    severity: "warning",
    meaning: "two domains use one image; what one writes changes the states of the other",
    advice: "Give each domain an image of its own.",
  },
  "file-leftover": {
    severity: "warning",
    meaning: "an incomplete file of an attempt that was given up takes room",
    advice: "Let the repair remove it.",
  },
  "copy-unnamed": {
    severity: "note",
    meaning: "a file looks like a copy of a disk, and no record names it",
    advice:
      "Look whether it is of a snapshot whose record is lost, and remove it if nothing needs it.",
  },
  "file-unknown": {
    severity: "warning",
    meaning: "something that domsnap did not put there is among its records",
    advice: "Look at it and move it away.",
  },
  "file-open": {
    severity: "warning",
    meaning:
      "others than the owner may use a file that holds a guest's secrets; libvirt makes the " +
      "overlays of a guest that is off so, which do not need it",
    advice: "Let the repair take the permissions away.",
  },
  "domain-unknown": {
    severity: "warning",
    meaning: "there are records of a domain that is not defined here",
    advice: "Define the domain again, or move the folder away.",
  },
} as const satisfies Record<string, FindingKind>;

export type FindingCode = keyof typeof FINDINGS;

/** What would put a finding right. Each is atomic and may be repeated. */
export type Repair =
  | { readonly kind: "recover" }
  | { readonly kind: "make-root"; readonly snapshot: string }
  | { readonly kind: "clear-current" }
  | { readonly kind: "renew-view"; readonly snapshot: string }
  | { readonly kind: "restrict-file"; readonly path: string }
  | { readonly kind: "remove-file"; readonly path: string };

export interface Finding {
  readonly code: FindingCode;
  /** What it is about: a path, or the name of a snapshot. */
  readonly subject: string;
  readonly detail: string;
  /** What to do for this very subject, in place of the advice of its kind. */
  readonly advice?: string;
  readonly repair?: Repair;
}
