import { ServingError } from '../../errors.ts';
import type { ModelCatalog } from '../../inference/catalog.ts';
import type { Infer } from '../../inference/infer.ts';
import type { InferRequest } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import { decodeGenerateRequest, generateReplyText } from './generate.ts';
import { takes, type Endpoint, type HttpCall } from './http-call.ts';
import type { HttpReply, WritePiece } from './reply.ts';
import { errorText } from './status.ts';

export interface GenerateEndpointsOptions {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** What tensors of one request may take as bytes. */
  readonly maxBodyBytes: number;
}

/** generate and generate_stream. */
export function createGenerateEndpoints(
  options: GenerateEndpointsOptions,
): readonly (readonly [string, Endpoint])[] {
  return [
    ['models/{model}/generate', takes('infer', (call) => answerOnce(options, call))],
    ['models/{model}/generate_stream', takes('infer', (call) => answerAsEvents(options, call))],
  ];
}

function decode({ catalog, maxBodyBytes }: GenerateEndpointsOptions, { path, body }: HttpCall): InferRequest {
  const { inputs } = catalog.metadata(path.model, path.version);
  return decodeGenerateRequest({ path, bytes: body, inputs, maxBytes: maxBodyBytes });
}

/** Decoupled models are asked as well, and may answer once; a second answer ends the request. */
async function answerOnce(options: GenerateEndpointsOptions, call: HttpCall): Promise<HttpReply> {
  const request = decode(options, call);
  const { context } = call;
  context.streaming = true;
  context.takeAnswer = () => Promise.reject(notOneAnswer());
  const response = await options.infer(request, context);
  if (isEmpty(response, call)) throw notOneAnswer();
  const pieces = [Buffer.from(generateReplyText(response))];
  return { status: 200, contentType: 'application/json', headers: [], pieces, compressible: true };
}

/** The first answer, or failure, decides the status; each further one is an event. */
async function answerAsEvents(options: GenerateEndpointsOptions, call: HttpCall): Promise<HttpReply> {
  const request = decode(options, call);
  const { context } = call;
  const first = Promise.withResolvers<Buffer>();
  const writer = Promise.withResolvers<WritePiece>();
  let isFirst = true;
  context.streaming = true;
  context.takeAnswer = async (response) => {
    const event = eventOf(generateReplyText(response));
    if (!isFirst) return (await writer.promise)(event);
    isFirst = false;
    first.resolve(event);
    // The first leaves with the reply's head: there is room for another when that has gone.
    await writer.promise;
  };
  const last = options
    .infer(request, context)
    .then((response) => (isEmpty(response, call) ? noEvent : eventOf(generateReplyText(response))));
  const opening = await Promise.race([first.promise, last]);
  if (isFirst) return events(opening);
  return {
    ...events(opening),
    async more(write) {
      writer.resolve(write);
      // What was no failure of the reply can only be told in it.
      await write(await last.catch((thrown: unknown) => eventOf(errorText(thrown))));
    },
  };
}

/** Whether a decoupled model has said all before its last answer. */
function isEmpty({ outputs }: InferResponse, { context }: HttpCall): boolean {
  return context.decoupled && outputs.length === 0;
}

const noEvent = Buffer.alloc(0);

/** A server-sent event. */
function eventOf(text: string): Buffer {
  return Buffer.from(`data: ${text}\n\n`);
}

function events(opening: Buffer): HttpReply {
  const contentType = 'text/event-stream; charset=utf-8';
  return { status: 200, contentType, headers: [], pieces: [opening], compressible: false };
}

function notOneAnswer(): ServingError {
  return new ServingError(
    'unimplemented',
    'generate expects model to produce exactly 1 response, use generate stream for model with decoupled transaction policy',
    { reason: 'DECOUPLED_MODEL' },
  );
}
