import { ServingError, type ErrorCode } from '../../../../errors.ts';
import { printable } from '../../../../util/printable.ts';
import { jsonReply, type HttpReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';

/** What TorchServe's clients know the errors as. */
const types = {
  invalid_argument: 'BadRequestException',
  not_found: 'ModelNotFoundException',
  already_exists: 'ConflictStatusException',
  unauthenticated: 'InvalidKeyException',
  permission_denied: 'InvalidKeyException',
  resource_exhausted: 'ServiceUnavailableException',
  failed_precondition: 'BadRequestException',
  cancelled: 'RequestTimeoutException',
  deadline_exceeded: 'RequestTimeoutException',
  unimplemented: 'BadRequestException',
  unavailable: 'ServiceUnavailableException',
  internal: 'InternalServerException',
} as const satisfies Record<ErrorCode, string>;

const conflict = 409;

/** As the protocol's own front bounds its texts. */
const maxMessageCharacters = 1021;

/** `{"code":...,"type":...,"message":...}` with the status and headers of the protocol's own front. */
export function torchserveErrorReply(thrown: unknown): HttpReply {
  const error = ServingError.from(thrown);
  const { status, headers } = errorReply(error);
  const code = error.code === 'already_exists' ? conflict : status;
  const message = printable(error.message, maxMessageCharacters);
  return jsonReply({ code, type: typeOf(error), message }, code, headers);
}

/** The server's own words for a version that is not there, which are TorchServe's. */
const versionText = /^Model version: .* does not exist for model: /s;

function typeOf({ code, message }: ServingError): string {
  if (code === 'not_found' && versionText.test(message)) return 'ModelVersionNotFoundException';
  return types[code];
}
