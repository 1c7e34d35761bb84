import { ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import { requestEncodingKey } from './grpc-js-call.ts';

/**
 * Two things that grpc-js does not let handlers do: name the option in its own message-size error (and call a client's
 * mistake one), and know how the request was compressed.
 */
export function createInterceptor(maxMessageBytes: number): ServerInterceptor {
  return (_method, call) => {
    const encoding = 'incomingEncoding' in call ? call.incomingEncoding : 'identity';
    // Not as an interceptor's sendStatus: the library's own failures start below all interceptors.
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (outgoing) => sendStatus(translate(outgoing, maxMessageBytes));
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, nextMetadata) {
            metadata.remove(requestEncodingKey);
            if (typeof encoding === 'string' && encoding !== 'identity') {
              metadata.set(requestEncodingKey, encoding);
            }
            nextMetadata(metadata);
          },
        });
      },
    });
  };
}

/** A status on its way out, with another code or text where the library's would mislead. */
function translate<T extends { code: status; details: string }>(outgoing: T, maxMessageBytes: number): T {
  const { code, details } = outgoing;
  if (code === status.RESOURCE_EXHAUSTED && details.startsWith('Received message')) {
    return {
      ...outgoing,
      details: `message is larger than ${maxMessageBytes} bytes, the server's --grpc-max-message-bytes`,
    };
  }
  const isClientsMistake =
    details === 'Failed to decompress message' || details.startsWith('Invalid grpc-timeout value');
  if (code === status.INTERNAL && isClientsMistake) return { ...outgoing, code: status.INVALID_ARGUMENT };
  return outgoing;
}
