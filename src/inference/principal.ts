/** `route`: may choose the arm of an experiment that answers. */
export type Scope = 'infer' | 'admin' | 'route';

/** Who calls. Quotas, fair shares, cache tenancy and audit hang on it. */
export interface Principal {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Share of a contended model relative to other principals; > 0, 1 by default. */
  readonly weight: number;
}

/** The caller when no keys are configured. What it may do is decided by the server's configuration. */
export const anonymous: Principal = { name: 'anonymous', scopes: new Set<Scope>(['infer']), weight: 1 };
