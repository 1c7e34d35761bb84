import { isIP } from 'node:net';
import { ServingError } from '../../errors.ts';
import { anonymous } from '../../inference/principal.ts';
import { rolloutActions, type ChangeReason, type RolloutAdmin } from '../../inference/rollout-admin.ts';
import { printable } from '../../util/printable.ts';
import type { Dialect } from './dialect.ts';
import type { Endpoint, Handler, HttpCall } from './http-call.ts';
import { readMetricReport } from './read-metric-report.ts';
import { jsonReply } from './reply.ts';
import { bodyObject } from './repository.ts';
import { errorReply } from './status.ts';

const root = '/admin/v1/rollouts';

/** `tensorgate.admin.v1.Rollouts` as REST, with the messages' own field names. Everything needs the scope admin. */
export function createRolloutEndpoints(rollouts: RolloutAdmin): Omit<Dialect, 'describe'> {
  const endpoint = (get: Handler | undefined, post: Handler | undefined): Endpoint => ({
    scope: 'admin',
    get: get && ofThisMachine(get),
    post: post && ofThisMachine(post),
  });
  return {
    errorReply,
    endpoints: new Map([
      [
        root,
        endpoint(
          () => jsonReply({ rollouts: rollouts.reports() }),
          async (call) => jsonReply(await rollouts.start(call.body.toString('utf8'), reasonOf(call))),
        ),
      ],
      [`${root}/{model}`, endpoint(({ path }) => jsonReply(rollouts.report(path.model)), undefined)],
      ...rolloutActions.map((action): readonly [string, Endpoint] => [
        `${root}/{model}/${action}`,
        endpoint(undefined, async (call) => {
          const rollout = await rollouts.change(call.path.model, action, reasonOf(call));
          return jsonReply(rollout === undefined ? {} : { rollout });
        }),
      ]),
      [
        `${root}/{model}/metrics`,
        endpoint(undefined, async (call) => {
          const report = readMetricReport(
            call.path.model,
            bodyObject(call.body),
            call.context.principal.name,
          );
          return jsonReply(await rollouts.reportMetric(report));
        }),
      ],
    ]),
  };
}

/**
 * Without API keys a web page could call under a name of its own that leads to this machine; a name that is an address,
 * or localhost, is nobody's.
 */
function ofThisMachine(handler: Handler): Handler {
  return (call) => {
    if (call.context.principal.name !== anonymous.name) return handler(call);
    const host = (call.header('host') ?? call.header(':authority') ?? '').replace(/:\d+$/, '');
    if (host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0) return handler(call);
    throw new ServingError(
      'permission_denied',
      'without API keys the address must be an IP address or localhost',
      {
        reason: 'ORIGIN_NOT_ALLOWED',
      },
    );
  };
}

/** `?why=` is for the history. */
function reasonOf({ context, query }: HttpCall): ChangeReason {
  return { who: context.principal.name, why: printable(new URLSearchParams(query).get('why') ?? '', 256) };
}
