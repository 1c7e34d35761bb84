import { ServingError } from '../../errors.ts';
import type { RouteOnDemand } from '../../inference/target.ts';
import type { Endpoint, Handler } from './http-call.ts';

/** They tell how models are, and load none. */
const tells = /\/(?:ready|stats)$/;

/**
 * Where models are loaded on demand: what is asked of a model, its metadata included, has it loaded first.
 *
 * @param route its path with `{model}` for the model's name.
 */
export function loadFirst(route: string, endpoint: Endpoint, load: RouteOnDemand): Endpoint {
  if (endpoint.scope !== 'infer' || !route.includes('{model}') || tells.test(route)) return endpoint;
  const { get, post } = endpoint;
  return { ...endpoint, get: get && afterLoad(get, load), post: post && afterLoad(post, load) };
}

function afterLoad(handler: Handler, load: RouteOnDemand): Handler {
  return async (call) => {
    try {
      await load(call.path.model, '', call.context);
    } catch (thrown) {
      // What is not there, the handler tells in its own words.
      if (ServingError.from(thrown).code !== 'not_found') throw thrown;
    }
    return handler(call);
  };
}
