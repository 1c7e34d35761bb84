import type { Infer } from '../../inference/infer.ts';
import type { InferRequest } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import type { HttpCall } from './http-call.ts';
import type { HttpReply, WritePiece } from './reply.ts';
import { errorText } from './status.ts';

export interface EventsOptions {
  readonly infer: Infer;
  /** An answer as the event that it becomes. */
  readonly eventOf: (response: InferResponse) => Buffer;
}

/** Answers with server-sent events. The first answer, or failure, decides the status; each further one is an event. */
export async function answerAsEvents(
  { infer, eventOf: toEvent }: EventsOptions,
  request: InferRequest,
  call: HttpCall,
): Promise<HttpReply> {
  const { context } = call;
  const first = Promise.withResolvers<Buffer>();
  const writer = Promise.withResolvers<WritePiece>();
  let isFirst = true;
  context.streaming = true;
  context.takeAnswer = async (response) => {
    const event = toEvent(response);
    if (!isFirst) return (await writer.promise)(event);
    isFirst = false;
    first.resolve(event);
    // The first leaves with the reply's head: there is room for another when that has gone.
    await writer.promise;
  };
  const last = infer(request, context).then((response) =>
    isEmpty(response, call) ? noEvent : toEvent(response),
  );
  const opening = await Promise.race([first.promise, last]);
  if (isFirst) return events(opening);
  return {
    ...events(opening),
    async more(write) {
      writer.resolve(write);
      // What was no failure of the reply can only be told in it.
      await write(await last.catch((thrown: unknown) => eventOf([Buffer.from(errorText(thrown))])));
    },
  };
}

/** Whether a decoupled model has said all before its last answer. */
export function isEmpty({ outputs }: InferResponse, { context }: HttpCall): boolean {
  return context.decoupled && outputs.length === 0;
}

const noEvent = Buffer.alloc(0);

const before = Buffer.from('data: ');
const behind = Buffer.from('\n\n');

/** A server-sent event of a text without line ends, which may come in pieces. */
export function eventOf(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat([before, ...pieces, behind]);
}

function events(opening: Buffer): HttpReply {
  const contentType = 'text/event-stream; charset=utf-8';
  return { status: 200, contentType, headers: [], pieces: [opening], compressible: false };
}
