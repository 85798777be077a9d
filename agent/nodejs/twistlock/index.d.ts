/* Types of index.js, which says what the functions do. */
declare const twistlock: {
  handler<T>(target: T, name?: string): T;
  asyncHandler<T>(target: T, name?: string): T;
  protect(module: { exports: unknown }, name: string): void;
  guard(module: { exports: unknown }, name: string): void;
  isProtected(candidate: unknown): boolean;
  readonly onFailure: 'open' | 'closed';
  readonly status: 'enforcing' | 'disabled' | 'failed';
  readonly reason: string | undefined;
};
export = twistlock;
