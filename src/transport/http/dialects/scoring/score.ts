import type { Handler, HttpCall } from '../../http-call.ts';
import { decodeInferRequest } from '../../infer-request.ts';
import { encodeInferResponse, jsonLengthHeader } from '../../infer-response.ts';
import { readBody } from '../../large-json/large-json.ts';
import { jsonPieces, type HttpReply } from '../../reply.ts';
import { defaultModel } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { mediaType, type MediaType } from '../media-type.ts';
import { answerPredict, readCall } from '../plain/predict.ts';
import { runRequests } from '../plain/run-requests.ts';
import { readTableBody } from '../tables/read-table-body.ts';
import type { TableRequest } from '../tables/read-table.ts';
import { columnTexts, csvText, recordsText } from '../tables/table-text.ts';
import { decodePredictRequest } from '../v1-models/predict-request.ts';
import { encodePredictResponse } from '../v1-models/predict-response.ts';
import { refuseScoring } from './refuse-scoring.ts';
import { findScoringForm } from './scoring-form.ts';

/** Triton's content types for the protocol's binary form where a platform passes on no headers of its own. */
const binaryTypes = new Set([
  'application/vnd.sagemaker-triton.binary+json',
  'application/vnd.vertex-ai-triton.binary+json',
]);

/**
 * Answers what a platform passes on to a container as it is: the form is told by the content type, and for JSON by the keys.
 * The model is the one that is meant where none is named.
 */
export function createScore(services: DialectServices): Handler {
  return async (call) => {
    const type = mediaType(call.header('content-type'));
    if (type !== undefined && binaryTypes.has(type.name)) return answerBinary(services, call, type);
    if (type?.name === 'text/csv') return answerCsv(services, call);
    return answerJson(services, call);
  };
}

async function answerJson(services: DialectServices, call: HttpCall): Promise<HttpReply> {
  const { form, position } = await readBody(
    call,
    'scoringForm',
    { bytes: call.body },
    { read: ({ bytes }) => findScoringForm(bytes) },
  );
  if (form === 'protocol') return answerProtocol(services, call, undefined);
  if (form === 'rows' || form === 'columns') return answerTensors(services, call);
  if (form === 'split' || form === 'records') {
    return answerRecords(services, call, await readTableBody(services, call, { form, position }));
  }
  const asked = await readCall(services, call, form === 'prediction' ? 'single' : 'batch');
  return jsonPieces([Buffer.from(await answerPredict(services, asked, call.context))]);
}

async function answerProtocol(
  { infer, catalog, maxBodyBytes, ...services }: DialectServices,
  call: HttpCall,
  jsonBytes: number | undefined,
): Promise<HttpReply> {
  const model = defaultModel(catalog, services.defaultModel);
  const body = { model, version: '', bytes: call.body, jsonBytes, maxBytes: maxBodyBytes };
  const sizeBytes = jsonBytes ?? call.body.length;
  const asked = await readBody(call, 'infer', body, { read: decodeInferRequest, sizeBytes });
  return encodeInferResponse(await infer(asked.request, call.context), asked.binaryOutputs);
}

async function answerBinary(services: DialectServices, call: HttpCall, type: MediaType): Promise<HttpReply> {
  const text = type.parameters.get('json-header-size') ?? '';
  const jsonBytes = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (jsonBytes === 0 || jsonBytes > call.body.length) throw refuseScoring.headerSize();
  const reply = await answerProtocol(services, call, jsonBytes);
  const at = reply.headers.indexOf(jsonLengthHeader);
  if (at < 0) return reply;
  return { ...reply, contentType: `${type.name};json-header-size=${reply.headers[at + 1] ?? ''}` };
}

async function answerTensors(services: DialectServices, call: HttpCall): Promise<HttpReply> {
  const { infer, catalog, maxBodyBytes } = services;
  const model = defaultModel(catalog, services.defaultModel);
  const asked = {
    model,
    version: '',
    bytes: call.body,
    inputs: catalog.metadata(model, '').inputs,
    maxBytes: maxBodyBytes,
    inputsForm: 'column',
  } as const;
  const { request, form } = await readBody(call, 'tensors', asked, { read: decodePredictRequest });
  return encodePredictResponse(await infer(request, call.context), form);
}

async function answerRecords(
  { infer }: DialectServices,
  { context }: HttpCall,
  { model, requests }: TableRequest,
): Promise<HttpReply> {
  const columns = columnTexts(await runRequests(infer, requests, context), model.maxBatchSize > 0);
  return jsonPieces([Buffer.from(`{"predictions":${recordsText(columns)}}`)]);
}

/** Rows without names; the reply is CSV, too, where that is asked for. */
async function answerCsv(services: DialectServices, call: HttpCall): Promise<HttpReply> {
  const table = await readTableBody(services, call, { form: 'unnamed' });
  if (!/\btext\/csv\b/i.test(call.header('accept') ?? '')) return answerRecords(services, call, table);
  const responses = await runRequests(services.infer, table.requests, call.context);
  const text = csvText(columnTexts(responses, table.model.maxBatchSize > 0));
  return {
    status: 200,
    contentType: 'text/csv; charset=utf-8',
    headers: [],
    pieces: [Buffer.from(text)],
    compressible: true,
  };
}
