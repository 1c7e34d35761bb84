import type { CallContext } from '../../../../inference/call-context.ts';
import type { Handler, HttpCall } from '../../http-call.ts';
import { readBody } from '../../large-json/large-json.ts';
import { jsonPieces } from '../../reply.ts';
import type { DialectServices } from '../dialect-services.ts';
import { predictionTexts } from './prediction-text.ts';
import { readPredict, type PredictForm, type PredictRequest } from './read-predict.ts';
import { runRequests } from './run-requests.ts';

/** A prediction for one row of features, or for each row of a list. */
export function createPredict(services: DialectServices, form: PredictForm): Handler {
  return async (call) => {
    const text = await answerPredict(services, await readCall(services, call, form), call.context);
    return jsonPieces([Buffer.from(text)]);
  };
}

/** @throws invalid_argument, and what the catalog throws for models that are not there. */
export function readCall(
  { catalog, defaultModel, maxBodyBytes }: DialectServices,
  call: HttpCall,
  form: PredictForm,
): PredictRequest | Promise<PredictRequest> {
  const { path, body } = call;
  const asked = { defaultModel, path, bytes: body, form, maxBytes: maxBodyBytes };
  return readBody(call, 'plain', asked, { read: (here) => readPredict({ ...here, catalog }) });
}

/** The reply's JSON. */
export async function answerPredict(
  { infer }: DialectServices,
  { model, form, id, requests }: PredictRequest,
  call: CallContext,
): Promise<string> {
  const responses = await runRequests(infer, requests, call);
  const { prediction: plan, maxBatchSize } = model;
  const rows = responses.flatMap((response) =>
    predictionTexts({ response, plan, batched: maxBatchSize > 0 }),
  );
  const [first] = responses;
  const idText = id === '' ? '' : `"id":${JSON.stringify(id)},`;
  const source = `"model":${JSON.stringify(model.name)},"version":${JSON.stringify(first?.version ?? '')}`;
  if (form === 'single') return `{${idText}${rows[0] ?? ''},${source}}`;
  return `{${idText}"predictions":[${rows.map((row) => `{${row}}`).join(',')}],${source}}`;
}
