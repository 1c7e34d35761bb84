import type { Attributes } from '@opentelemetry/api';
import { ServingError, type ErrorCode } from '../../errors.ts';

/** How a call ended, in the words of OpenTelemetry's conventions. */
export interface CallOutcome {
  readonly attributes: Attributes;
  /** An error of the server; failures that are their callers' affair are none. */
  readonly failed: boolean;
}

/** Failures that the conventions for rpc servers call errors. */
const serverFaults: ReadonlySet<ErrorCode> = new Set([
  'deadline_exceeded',
  'unimplemented',
  'internal',
  'unavailable',
]);

const answered: CallOutcome = { attributes: { 'rpc.status_code': 'OK' }, failed: false };

/** @param thrown undefined for a call that was answered. */
export function rpcOutcome(thrown: unknown): CallOutcome {
  if (thrown === undefined) return answered;
  const { code, reason } = ServingError.from(thrown);
  // An error's own word is the status in small letters.
  const status = code.toUpperCase();
  return {
    attributes: { 'rpc.status_code': status, 'error.type': reason ?? status },
    failed: serverFaults.has(code),
  };
}

/** @param thrown undefined for a request whose handler gave the reply itself. */
export function httpOutcome(status: number, thrown: unknown): CallOutcome {
  const code = { 'http.response.status_code': status };
  if (thrown === undefined && status < 400) return { attributes: code, failed: false };
  const reason = thrown === undefined ? undefined : ServingError.from(thrown).reason;
  return { attributes: { ...code, 'error.type': reason ?? String(status) }, failed: status >= 500 };
}
