import { ServingError } from '../../errors.ts';
import type { Authenticate } from '../../inference/authenticate.ts';
import { anonymous, type Principal } from '../../inference/principal.ts';
import type { GrpcMethod } from './method.ts';

/**
 * Who calls a method, on either transport. Methods that are open to everybody do not look at credentials at all, so
 * that probes with stale ones still work.
 *
 * @throws unauthenticated, or permission_denied when the caller lacks the method's scope.
 */
export function authorize(
  method: GrpcMethod,
  authenticate: Authenticate,
  header: (name: string) => string | undefined,
): Principal {
  if (method.scope === 'none') return anonymous;
  const principal = authenticate(header, method);
  if (principal.scopes.has(method.scope)) return principal;
  throw new ServingError('permission_denied', `the scope '${method.scope}' is needed for this call`, {
    reason: 'SCOPE_MISSING',
  });
}
