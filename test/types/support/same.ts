/** Whether two types are the very same: readonly, optional and all. */
export type Same<One, Other> =
  (<Any>() => Any extends One ? 1 : 2) extends <Any>() => Any extends Other ? 1 : 2 ? true : false;

/** `same<One, Other>(true)` compiles when the two are the very same type. Never run. */
export declare function same<One, Other>(are: Same<One, Other>): void;

/** `has<Whole, Part>()` compiles when all of a union's known members are there; more may come. */
export declare function has<Whole, _Part extends Whole>(): void;
