/** What is going to be done with a name on the host, so that it can be asked whether that is possible. */
export interface Demand {
  readonly place: string;
  /**
   * `make`: a new file gets the name. `write`: what is there is changed in place. `replace`: what is
   * there makes room for another file. `remove`: its name goes.
   */
  readonly use: "make" | "write" | "replace" | "remove";
  /** What has to find room there, at most: so many bytes, or a copy of an image. */
  readonly content?: { readonly bytes: number } | { readonly copyOf: string };
}
