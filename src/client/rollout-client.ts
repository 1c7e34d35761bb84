import type { RolloutAction } from '../inference/rollout-admin.ts';
import { Connection, type WireMessage } from './connection.ts';
import { part } from './fields.ts';
import type { CallOptions, ClientOptions } from './types.ts';

/** Speaks `tensorgate.admin.v1.Rollouts` with a server's administration listener; rollouts as on the wire. */
export interface RolloutClient extends Disposable {
  list(options?: CallOptions): Promise<readonly WireMessage[]>;
  get(model: string, options?: CallOptions): Promise<WireMessage>;
  /** @param plan YAML or JSON. */
  start(plan: string, why: string, options?: CallOptions): Promise<WireMessage>;
  /** @returns undefined once it is forgotten. */
  change(
    model: string,
    action: RolloutAction,
    why: string,
    options?: CallOptions,
  ): Promise<WireMessage | undefined>;
  /** Values of a metric for answers; what became of them. */
  reportMetric(metric: ReportedMetric, options?: CallOptions): Promise<WireMessage>;
}

/** As on the wire: sums for an arm, or values of requests and users. */
export interface ReportedMetric {
  readonly model: string;
  readonly metric: string;
  readonly arm?: string;
  readonly sum?: number;
  readonly count?: number;
  readonly squares?: number;
  readonly values?: readonly {
    readonly request_id?: string;
    readonly principal?: string;
    readonly user?: string;
    readonly value: number;
  }[];
}

/** Connects at the first call. Dispose it to close the connection. */
export function createRolloutClient(options: ClientOptions): RolloutClient {
  const connection = new Connection(
    options,
    'tensorgate/admin/v1/rollouts.proto',
    'tensorgate.admin.v1.Rollouts',
  );
  return {
    async list(call) {
      const { rollouts } = await connection.unary('ListRollouts', {}, call);
      return Array.isArray(rollouts) ? rollouts.map((rollout) => part(rollout)) : [];
    },
    get: (model, call) => connection.unary('GetRollout', { model }, call),
    start: (plan, why, call) => connection.unary('StartRollout', { plan, why }, call),
    async change(model, action, why, call) {
      const { rollout } = await connection.unary('ChangeRollout', { model, action, why }, call);
      return rollout === null || rollout === undefined ? undefined : part(rollout);
    },
    reportMetric: (metric, call) => connection.unary('ReportMetric', metric, call),
    [Symbol.dispose]: () => connection.close(),
  };
}
