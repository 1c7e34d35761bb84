import { CallContext } from '../../../../inference/call-context.ts';
import type { Infer } from '../../../../inference/infer.ts';
import type { InferRequest } from '../../../../inference/request.ts';
import type { InferResponse } from '../../../../inference/response.ts';

/** Parts of one request that may be under way at a time, so that it does not fill a queue by itself. */
const maxUnderWay = 16;

/**
 * Answers a request in parts, in their order. A part that fails ends the others.
 *
 * @throws what the first failed part does.
 */
export async function runRequests(
  infer: Infer,
  requests: readonly InferRequest[],
  call: CallContext,
): Promise<readonly InferResponse[]> {
  const [only, more] = requests;
  if (only !== undefined && more === undefined) return [await infer(only, call)];
  const open = new Set<CallContext>();
  call.onCancelled(() => open.forEach((part) => part.cancel()));
  const responses: InferResponse[] = [];
  try {
    for (let from = 0; from < requests.length; from += maxUnderWay) {
      const parts = requests.slice(from, from + maxUnderWay).map((request) => {
        const part = partOf(call);
        open.add(part);
        return infer(request, part);
      });
      responses.push(...(await Promise.all(parts)));
    }
  } catch (error) {
    for (const part of open) part.cancel();
    throw error;
  }
  return responses;
}

/** Its tensors are counted until the whole reply is written. */
function partOf(call: CallContext): CallContext {
  const part = new CallContext(call.receivedAt, call.deadline, call.principal);
  part.front = call.front;
  part.origin = call;
  if (call.cancelled) part.cancel();
  call.onFinished(() => part.finish());
  return part;
}
