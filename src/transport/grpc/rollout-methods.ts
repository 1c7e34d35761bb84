import { ServingError } from '../../errors.ts';
import { entryOf, mostMetricEntries, type MetricReport } from '../../inference/arm-metrics.ts';
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
    unary('ReportMetric', async (request, call) => {
      const { used, ...others } = await rollouts.reportMetric(reportOf(request, call));
      return { used: used > 0, counted: used, ...others };
    }),
  ];
}

function reportOf(request: Message, call: GrpcCall): MetricReport {
  const [model, metric, arm] = [word(request['model']), word(request['metric']), word(request['arm'])];
  const values: readonly Message[] = Array.isArray(request['values']) ? request['values'] : [];
  const entries = values.slice(0, mostMetricEntries + 1).map((value) =>
    entryOf(
      {
        requestId: word(value['request_id']),
        principal: word(value['principal']),
        user: word(value['user']),
        value: value['value'],
      },
      call.context.principal.name,
    ),
  );
  if (arm === '') return { model, metric, entries };
  const [count, sum, squares] = [request['count'], request['sum'], request['squares']].map(Number);
  const known = squares === undefined || squares === 0 ? undefined : squares;
  const added = { by: 'arm', arm, count: count ?? 0, sum: sum ?? 0, squares: known } as const;
  return { model, metric, entries: [added, ...entries] };
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
