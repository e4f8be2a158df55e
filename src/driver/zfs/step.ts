/** Does one change to the disk, and tells of it before and after. */
export type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>;
