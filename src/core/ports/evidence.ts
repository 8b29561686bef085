/**
 * Tells a thing on the host from every other one, whatever name it has: an inode with its time of
 * birth, the id that an engine gives. Opaque; equal for the same thing, after a restart of the host, too.
 */
export type Identity = string;

/** A name that leads to a thing, and which one that is. */
export interface Identified {
  readonly place: string;
  readonly identity: Identity;
}

/**
 * What one plan knows of the things at the names that it mentions: those that it found when it
 * began, and those that it made. It is kept in the journal, so that whoever undoes or goes on after
 * a crash knows the same. A path alone is no licence to remove or replace what it leads to.
 */
export interface Evidence {
  /**
   * Part of the names under which this plan makes things until they get their own. Told in the
   * journal before the plan begins, and used by nobody else.
   */
  readonly token: string;
  /** What stood at a place when the plan began; undefined for nothing, and for what has no identity. */
  found(place: string): Identity | undefined;
  /** All that the plan has made for a place, oldest first. */
  made(place: string): readonly Identity[];
  /**
   * Tells durably what was made for a place; to be called before it gets the place's name. Repeatable.
   */
  record(place: string, identity: Identity): Promise<void>;
}
