export declare const NOBODY: number;
export declare const QEMU_CONF: string;
