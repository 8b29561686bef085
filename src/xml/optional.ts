/** An object's type with every property that may be undefined made optional instead. */
type WithoutUndefined<Source> = {
  [Key in keyof Source as undefined extends Source[Key] ? never : Key]: Source[Key];
} & {
  [Key in keyof Source as undefined extends Source[Key] ? Key : never]?: Exclude<
    Source[Key],
    undefined
  >;
};

/** The same object without its undefined properties. */
export function dropUndefined<Source extends object>(source: Source): WithoutUndefined<Source> {
  const kept = Object.entries(source).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as WithoutUndefined<Source>;
}
