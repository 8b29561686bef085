/** The part that we use of a package that comes without types. */
declare module "fs-native-extensions" {
  /** Takes an exclusive (or shared) lock on an open file; false when another open file holds one. */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean;
}
