import type { Client } from '../client/client.ts';
import type { CallOptions, InferAnswer, InferCall } from '../client/types.ts';
import { ServingError } from '../errors.ts';
import type { Terminal } from './command.ts';
import { answerJson, renderAnswer } from './show-answer.ts';

export interface StreamShow {
  readonly json: boolean;
  /** Outputs that are shown as classes. */
  readonly classified: ReadonlySet<string>;
  readonly terminal: Terminal;
}

/** Sends one request on a stream and shows every answer when it comes. @throws ServingError failed_precondition when one is a failure. */
export async function inferOnStream(
  client: Client,
  request: InferCall,
  call: CallOptions,
  { json, classified, terminal }: StreamShow,
): Promise<void> {
  const sentAt = performance.now();
  const timesMs: number[] = [];
  for await (const answer of answersTo(client, request, call)) {
    timesMs.push(performance.now() - sentAt);
    if (json) terminal.stdout.write(`${answerJson(answer)}\n`);
    else {
      const head = timesMs.length === 1 ? `${answer.model}, version ${answer.version}\n\n` : '';
      terminal.stdout.write(`${head}${renderAnswer(answer, classified)}\n`);
    }
  }
  if (!json) terminal.stdout.write(summary(timesMs));
}

async function* answersTo(
  client: Client,
  request: InferCall,
  call: CallOptions,
): AsyncGenerator<InferAnswer> {
  await using stream = client.stream(call);
  await stream.send(request);
  stream.end();
  for await (const reply of stream.replies) {
    if (reply.kind === 'error') throw new ServingError('failed_precondition', reply.message);
    yield reply.answer;
  }
}

function summary(timesMs: readonly number[]): string {
  const [first] = timesMs;
  const last = timesMs.at(-1);
  if (first === undefined || last === undefined) return 'no answer\n';
  const count = `${timesMs.length} ${timesMs.length === 1 ? 'answer' : 'answers'}`;
  return `${count}, the first after ${first.toFixed(1)} ms, the last after ${last.toFixed(1)} ms\n`;
}
