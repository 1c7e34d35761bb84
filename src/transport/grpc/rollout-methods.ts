import { ServingError } from '../../errors.ts';
import { rolloutActions, type ChangeReason, type RolloutAdmin } from '../../inference/rollout-admin.ts';
import { printable } from '../../util/printable.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import { loadService, type Message } from './proto.ts';

type Handle = (request: Message, call: GrpcCall) => object | Promise<object>;

/** `tensorgate.admin.v1.Rollouts` for the listener of `--admin-address`. Every method needs the scope admin. */
export function createRolloutMethods(rollouts: RolloutAdmin): GrpcMethod[] {
  const service = loadService('tensorgate/admin/v1/rollouts.proto', 'tensorgate.admin.v1.Rollouts');
  const unary = (rpc: string, handle: Handle): GrpcMethod => {
    const method = service.method(rpc);
    return {
      kind: 'unary',
      path: method.path,
      scope: 'admin',
      handle: async (message, call) => method.encode(await handle(method.decode(message), call)),
    };
  };
  return [
    unary('ListRollouts', () => ({ rollouts: rollouts.reports() })),
    unary('GetRollout', (request) => rollouts.report(word(request['model']))),
    unary('StartRollout', (request, call) => rollouts.start(word(request['plan']), reasonOf(request, call))),
    unary('ChangeRollout', async (request, call) => {
      const asked = word(request['action']);
      const action = rolloutActions.find((name) => name === asked);
      if (action === undefined) throw noSuchAction(asked);
      return { rollout: await rollouts.change(word(request['model']), action, reasonOf(request, call)) };
    }),
    unary('ReportMetric', (request) => ({ used: reportMetric(rollouts, request) })),
  ];
}

function reportMetric(rollouts: RolloutAdmin, request: Message): boolean {
  const sum = Number(request['sum']);
  const count = Number(request['count']);
  if (!(count >= 1 && count <= 1e9 && sum >= 0 && sum <= count)) {
    throw new ServingError('invalid_argument', 'sum must be that of count values of 0 to 1', {
      reason: 'ROLLOUT_METRIC',
    });
  }
  const [model, metric, arm] = [word(request['model']), word(request['metric']), word(request['arm'])];
  return rollouts.observeMetric(model, metric, arm, { sum, count });
}

/** What a caller writes ends up in logs and terminals. */
function reasonOf(request: Message, call: GrpcCall): ChangeReason {
  return { who: call.context.principal.name, why: printable(word(request['why']), 256) };
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function noSuchAction(asked: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `action must be one of ${rolloutActions.join(', ')}, got '${printable(asked)}'`,
    { reason: 'ROLLOUT_ACTION' },
  );
}
