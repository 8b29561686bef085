/** A limit for what takes less than `ms` on a quick machine that has nothing else to do. */
export declare function patience(ms: number): number;
