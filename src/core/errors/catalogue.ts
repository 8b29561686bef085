/** One kind of failure: what it is called, how libvirt counts and renders it, what to do about it. */
export interface ErrorKind {
  /** libvirt's virErrorNumber where the kind has one; kept for the RPC of a daemon. */
  readonly libvirtNumber?: number;
  /** libvirt puts this before the detail, with a colon and a blank. */
  readonly prefix?: string;
  readonly exitStatus: number;
  readonly summary: string;
  readonly advice: string;
}

/** Exit statuses of the command line. Everything that virsh answers with 1 is 1 here too. */
export const EXIT = { ok: 0, failed: 1, unfinished: 2, interrupted: 130 } as const;

const failed = EXIT.failed;

/**
 * Every failure that domsnap reports, by its stable code. The first group are libvirt's error
 * classes with its numbers and prefixes (virterror.h); the second are domsnap's own.
 */
export const ERROR_CATALOGUE = {
  "internal-error": {
    libvirtNumber: 1,
    prefix: "internal error",
    exitStatus: failed,
    summary: "A document or a driver is in a state that should not occur.",
    advice: "Compare the document with the output of snapshot-dumpxml of the same domain.",
  },
  "no-support": {
    libvirtNumber: 3,
    prefix: "this function is not supported by the connection driver",
    exitStatus: failed,
    summary: "The toolstack behind this URI does not have the function.",
    advice: "Run 'domsnap capabilities' to see what the connection can do.",
  },
  "invalid-argument": {
    libvirtNumber: 8,
    prefix: "invalid argument",
    exitStatus: failed,
    summary: "An argument is wrong or does not fit the others.",
    advice: "Run 'domsnap help COMMAND' for the arguments and their meaning.",
  },
  "invalid-flags": {
    libvirtNumber: 8,
    exitStatus: failed,
    summary: "Flags exclude each other, need each other, or are unknown to this toolstack.",
    advice: "Leave out one of the flags that the message names, or add the one that it asks for.",
  },
  "operation-failed": {
    libvirtNumber: 9,
    prefix: "operation failed",
    exitStatus: failed,
    summary: "The operation was tried and did not succeed.",
    advice: "Read the reason in the message; nothing was left half done unless it says so.",
  },
  "xml-error": {
    libvirtNumber: 27,
    prefix: "XML error",
    exitStatus: failed,
    summary: "The document is well-formed, but says something that is not allowed.",
    advice:
      "Correct the element that the message names; 'domsnap xml check' tries it without effect.",
  },
  "operation-denied": {
    libvirtNumber: 29,
    prefix: "operation forbidden",
    exitStatus: failed,
    summary: "The connection is read-only, or the caller may not do this.",
    advice: "Connect without --readonly.",
  },
  "xml-detail": {
    libvirtNumber: 35,
    exitStatus: failed,
    summary: "The document is not well-formed XML, or holds a name that cannot be used.",
    advice: "Correct the document at the line and column that the message tells.",
  },
  "system-error": {
    libvirtNumber: 38,
    exitStatus: failed,
    summary: "The operating system refused a file operation.",
    advice: "Check that the path exists and that you may use it.",
  },
  "no-domain": {
    libvirtNumber: 42,
    prefix: "Domain not found",
    exitStatus: failed,
    summary: "No domain has this name, id or uuid.",
    advice: "Run 'domsnap list --all' to see the domains of the connection.",
  },
  "operation-invalid": {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary: "The operation does not fit the state that the domain is in.",
    advice: "Bring the domain into the state that the message asks for.",
  },
  "config-unsupported": {
    libvirtNumber: 67,
    prefix: "unsupported configuration",
    exitStatus: failed,
    summary: "The wish is clear, but this domain or this driver cannot have it.",
    advice: "Run the command with --dry-run to see, disk by disk, what is possible.",
  },
  "no-domain-snapshot": {
    libvirtNumber: 72,
    prefix: "Domain snapshot not found",
    exitStatus: failed,
    summary: "The domain has no snapshot of this name.",
    advice: "Run 'domsnap snapshot-list DOMAIN' to see the names.",
  },
  "record-changed": {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary: "Somebody else has changed or deleted the record since it was read.",
    advice: "Look at it again, and repeat the change if it is still wanted.",
  },
  "argument-unsupported": {
    libvirtNumber: 74,
    prefix: "argument unsupported",
    exitStatus: failed,
    summary: "The argument is known, but cannot be honoured here.",
    advice: "Leave the argument out.",
  },
  "revert-risky": {
    libvirtNumber: 77,
    prefix: "revert requires force",
    exitStatus: failed,
    summary: "The revert could lose state or bring up a guest that differs from the recorded one.",
    advice: "Read the reason, and repeat with --force if you accept it.",
  },
  "operation-unsupported": {
    libvirtNumber: 84,
    prefix: "Operation not supported",
    exitStatus: failed,
    summary: "This kind of snapshot or disk does not have the operation.",
    advice: "Run 'domsnap capabilities DOMAIN' to see what each disk can do.",
  },
  "agent-unresponsive": {
    libvirtNumber: 86,
    prefix: "Guest agent is not responding",
    exitStatus: failed,
    summary: "The agent in the guest does not answer in time, or in a way that makes no sense.",
    advice:
      "Start qemu-guest-agent in the guest, or go without it: '--quiesce-mode try' or no --quiesce.",
  },
  "xml-invalid-schema": {
    libvirtNumber: 92,
    prefix: "XML document failed to validate against schema",
    exitStatus: failed,
    summary: "The document breaks libvirt's schema (--validate).",
    advice: "Correct what the message names, or leave --validate out.",
  },

  usage: {
    exitStatus: failed,
    summary: "The command line could not be understood.",
    advice: "Run 'domsnap help COMMAND'.",
  },
  "config-invalid": {
    exitStatus: failed,
    summary: "A configuration file of domsnap cannot be read, understood or trusted.",
    advice: "Correct the file where the message says; DOMSNAP_CONFIG= runs a command without any.",
  },
  "plugin-unusable": {
    exitStatus: failed,
    summary: "A plugin that --plugin or a configuration file names cannot be loaded.",
    advice: "Correct the plugin, or take it out of the command or of the configuration file.",
  },
  "disk-unsupported": {
    libvirtNumber: 67,
    prefix: "unsupported configuration",
    exitStatus: failed,
    summary: "No disk backend can do what is asked of a disk.",
    advice: "Read in the message why, and what would change it; --dry-run shows every disk.",
  },
  "image-missing": {
    libvirtNumber: 38,
    exitStatus: failed,
    summary: "An image that the operation needs is not there or cannot be read.",
    advice: "Bring the file back to the path in the message, or correct the definition.",
  },
  "image-unreachable": {
    libvirtNumber: 38,
    exitStatus: failed,
    summary:
      "An image, record or definition that may need what would be changed cannot be looked at.",
    advice:
      "Bring back what the message names (is its file system mounted?), or give it up with --assume-lost.",
  },
  "path-untrusted": {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary:
      "A document or the header of an image names a file outside of the folders of the domain.",
    advice:
      "Look at the file. If it is the domain's, name its folder with --trust-folder or in the configuration.",
  },
  "memory-foreign": {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary: "A file that a snapshot names as saved memory does not begin like a guest's memory.",
    advice: "Look at the file. Bring the right one back, or give up the record with --metadata.",
  },
  "definition-foreign": {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary:
      "Another program owns the definition, keeps a copy in memory and would not see the change.",
    advice: "Use the connection that the hint names. What only reads works here as well.",
  },
  "image-in-use": {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary: "A program has the image open, or another image or record depends on it.",
    advice: "Stop the user that the message names, or delete what depends on the image first.",
  },
  "image-conflict": {
    libvirtNumber: 67,
    prefix: "unsupported configuration",
    exitStatus: failed,
    summary: "What the image holds does not match the record (missing or ambiguous snapshot).",
    advice: "Compare 'qemu-img snapshot -l' of the image with 'domsnap snapshot-list'.",
  },
  "no-space": {
    libvirtNumber: 38,
    exitStatus: failed,
    summary: "The file system has too little room for what would be written.",
    advice: "Free as many bytes as the message tells, or name another folder in the document.",
  },
  "tool-missing": {
    libvirtNumber: 67,
    prefix: "unsupported configuration",
    exitStatus: failed,
    summary: "A program that the operation needs is not installed.",
    advice: "Install the package that the message names.",
  },
  "agent-failed": {
    libvirtNumber: 1,
    prefix: "internal error",
    exitStatus: failed,
    summary: "The agent in the guest answers, but cannot do what it was asked; it tells why.",
    advice: "Look into the guest's log, or go without it: '--quiesce-mode try' or no --quiesce.",
  },
  "plugin-conflict": {
    libvirtNumber: 1,
    prefix: "internal error",
    exitStatus: failed,
    summary: "Two plugins cannot be used together, or one breaks a rule of its port.",
    advice: "Leave out the plugin that the message names, or tell its author.",
  },
  "tool-failed": {
    libvirtNumber: 1,
    prefix: "internal error",
    exitStatus: failed,
    summary: "An outside program failed; the message carries its own words.",
    advice: "Run the program as shown in the message to see more.",
  },
  locked: {
    libvirtNumber: 55,
    prefix: "Requested operation is not valid",
    exitStatus: failed,
    summary: "Another domsnap is changing this domain.",
    advice: "Wait for it, or raise --lock-timeout. The lock goes away with its owner by itself.",
  },
  "record-unreadable": {
    libvirtNumber: 1,
    prefix: "internal error",
    exitStatus: failed,
    summary: "A snapshot record on disk cannot be read or understood.",
    advice: "Restore the file from a backup, or remove it; the other snapshots are not affected.",
  },
  "recovery-failed": {
    libvirtNumber: 9,
    prefix: "operation failed",
    exitStatus: EXIT.unfinished,
    summary: "An interrupted operation could not be finished or rolled back.",
    advice:
      "Remove the cause that the message names and run any command on the domain again, or give the change up: 'domsnap recover DOMAIN --abandon'.",
  },
  unfinished: {
    libvirtNumber: 9,
    prefix: "operation failed",
    exitStatus: EXIT.unfinished,
    summary: "The operation failed after its commit point; the journal holds the rest.",
    advice: "Remove the cause that the message names; the next command on the domain goes on.",
  },
  cancelled: {
    libvirtNumber: 78,
    prefix: "operation aborted",
    exitStatus: EXIT.interrupted,
    summary: "The operation was cancelled and rolled back.",
    advice: "Run the command again if it is still wanted.",
  },
} as const satisfies Record<string, ErrorKind>;

/** The stable name of a failure; `domsnap explain CODE` tells of each. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;
