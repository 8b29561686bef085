/** Tells an administrator what happens. Fields are plain values, never documents or secrets. */
export type Log = (message: string, fields?: Readonly<Record<string, string | number>>) => void;
