/** The part that we use of a package that comes without types. Locks are those of `F_OFD_SETLK`. */
declare module "fs-native-extensions" {
  interface LockOptions {
    readonly shared?: boolean;
  }
  /**
   * Takes an exclusive (or shared) lock on an open file, or changes the one that is held; false when
   * another open file holds one that conflicts. An exclusive one needs a file opened for writing.
   */
  export function tryLock(fd: number, options?: LockOptions): boolean;
  /** The same of a part of the file. */
  export function tryLock(
    fd: number,
    offset: number,
    length: number,
    options?: LockOptions,
  ): boolean;
  export function unlock(fd: number, offset?: number, length?: number): void;
}
