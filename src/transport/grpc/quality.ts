import type { Label, LabelledRequest, ModelQuality } from '../../inference/monitoring.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import { loadService, type Message, type ProtoService } from './proto.ts';

export function qualityService(): ProtoService {
  return loadService('tensorgate/quality/v1/quality.proto', 'tensorgate.quality.v1.Quality');
}

/** tensorgate.quality.v1.Quality. */
export function createQualityMethods(quality: ModelQuality): readonly GrpcMethod[] {
  const unary = (
    rpc: string,
    scope: 'infer' | 'admin',
    answer: (request: Message, call: GrpcCall) => object | Promise<object>,
  ): GrpcMethod => {
    const { path, decode, encode } = qualityService().method(rpc);
    return {
      kind: 'unary',
      path,
      scope,
      handle: async (message, call) => encode(await answer(decode(message), call)),
    };
  };
  return [
    unary('SendFeedback', 'infer', (request, call) =>
      quality.feedback(
        {
          model: text(request['model']),
          version: text(request['version']),
          principal: text(request['principal']),
          labels: messages(request['requests']).map(labelledRequest),
        },
        call.context.principal,
      ),
    ),
    unary('GetReport', 'admin', async (request) => ({
      json: JSON.stringify(await quality.report(text(request['model']), text(request['version']))),
    })),
  ];
}

function labelledRequest(message: Message): LabelledRequest {
  return { id: text(message['id']), labels: messages(message['labels']).map(label) };
}

/** The oneof says which field was sent; others hold their defaults. */
function label(message: Message): Label {
  const number = message['number'];
  return message['value'] === 'number' && typeof number === 'number' ? number : text(message['name']);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function messages(value: unknown): readonly Message[] {
  const items: readonly Message[] = Array.isArray(value) ? value : [];
  return items;
}
