import type { Scope } from '../../../inference/principal.ts';
import type {
  TorchserveCalls,
  TorchserveParameters,
  TorchserveQuestion,
} from '../../../inference/torchserve-calls.ts';
import { ServingError } from '../../../errors.ts';
import type { GrpcMethod, StreamMethod, UnaryMethod } from '../method.ts';
import { loadService, type Message, type ProtoService } from '../proto.ts';

export interface TorchserveServicesOptions {
  readonly calls: TorchserveCalls;
  /** What the values of a request's tensors may take. */
  readonly maxMessageBytes: number;
}

/** TorchServe's services as reflection shows them. */
export function torchserveServices(): readonly ProtoService[] {
  return [inferenceService(), managementService()];
}

function inferenceService(): ProtoService {
  return loadService('torchserve/inference.proto', 'org.pytorch.serve.grpc.inference.InferenceAPIsService');
}

function managementService(): ProtoService {
  return loadService(
    'torchserve/management.proto',
    'org.pytorch.serve.grpc.management.ManagementAPIsService',
  );
}

/** Ping, Predictions and StreamPredictions; and of its management what its paths do. */
export function createTorchserveMethods(options: TorchserveServicesOptions): readonly GrpcMethod[] {
  const { calls } = options;
  const model = (request: Message): string => text(request['model_name']);
  const version = (request: Message): string => text(request['model_version']);
  return [
    createPing(calls),
    createPredictions(options),
    createStreamPredictions(options),
    managing('ListModels', 'infer', (request) => calls.list(parametersOf(request))),
    managing('DescribeModel', 'infer', (request) => calls.describe(model(request), version(request))),
    managing('RegisterModel', 'admin', (request) => calls.register(parametersOf(request))),
    managing('ScaleWorker', 'admin', ({ model_name: name, ...others }) =>
      calls.scale(text(name), parametersOf(others)),
    ),
    managing('UnregisterModel', 'admin', (request) => calls.unregister(model(request), version(request))),
  ];
}

function createPing(calls: TorchserveCalls): UnaryMethod {
  const { path, encode } = inferenceService().method('Ping');
  return { kind: 'unary', path, scope: 'none', handle: () => encode({ health: calls.health() }) };
}

function createPredictions({ calls, maxMessageBytes }: TorchserveServicesOptions): UnaryMethod {
  const { path, decode, encode } = inferenceService().method('Predictions');
  return {
    kind: 'unary',
    path,
    scope: 'infer',
    async handle(message, { context }) {
      const pieces = await calls.predict(questionOf(decode(message), maxMessageBytes), context);
      return encode({ prediction: Buffer.concat(pieces) });
    },
  };
}

function createStreamPredictions({ calls, maxMessageBytes }: TorchserveServicesOptions): StreamMethod {
  const { path, decode, encode } = inferenceService().method('StreamPredictions');
  return {
    kind: 'stream',
    path,
    scope: 'infer',
    async handle(messages, reply, { context }) {
      const question = questionOf(decode(await onlyMessage(messages)), maxMessageBytes);
      await calls.stream(question, context, (pieces) =>
        reply.send(encode({ prediction: Buffer.concat(pieces) })),
      );
    },
  };
}

/** @throws invalid_argument without any; more than one is none of this method's clients. */
async function onlyMessage(messages: AsyncIterable<Buffer>): Promise<Buffer> {
  for await (const message of messages) return message;
  throw new ServingError('invalid_argument', 'request has no message', { reason: 'MALFORMED_MESSAGE' });
}

function managing(
  rpc: string,
  scope: Scope,
  answer: (request: Message) => string | Promise<string>,
): UnaryMethod {
  const { path, decode, encode } = managementService().method(rpc);
  return {
    kind: 'unary',
    path,
    scope,
    handle: async (message) => encode({ msg: await answer(decode(message)) }),
  };
}

function questionOf(
  { model_name: model, model_version: version, input }: Message,
  maxBytes: number,
): TorchserveQuestion {
  const parts = new Map<string, Buffer>();
  for (const [name, value] of Object.entries(new Object(input))) {
    if (Buffer.isBuffer(value)) parts.set(name, value);
  }
  return { model: text(model), version: text(version), parts, maxBytes };
}

/** Fields that were set: proto3 does not tell the others from their defaults. */
function parametersOf(request: Message): TorchserveParameters {
  const set = Object.entries(request).filter(([, value]) => value !== '' && value !== 0 && value !== false);
  return Object.fromEntries(set.map(([name, value]) => [name, String(value)]));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
