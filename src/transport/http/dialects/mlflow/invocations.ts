import { ServingError } from '../../../../errors.ts';
import { nestedText } from '../nested/nested-text.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import type { Handler, HttpCall } from '../../http-call.ts';
import { JsonReader } from '../../json-reader.ts';
import { jsonPieces, type HttpReply } from '../../reply.ts';
import { defaultModel } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { mediaType } from '../media-type.ts';
import { runRequests } from '../plain/run-requests.ts';
import {
  readCsvTable,
  readRecords,
  readSplit,
  type TableBody,
  type TableRequest,
} from '../tables/read-table.ts';
import { columnTexts, recordsText } from '../tables/table-text.ts';
import { decodePredictRequest } from '../v1-models/predict-request.ts';
import { inNativeShape } from './native-shape.ts';

/** Forms of a body, by the one key of them that it has. */
const forms = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

type Form = (typeof forms)[number];

/** What `mlflow models serve` answers at `/invocations` for an ONNX model: data frames, tensors and CSV. */
export function createInvocations(services: DialectServices): Handler {
  return async (call) => {
    const type = mediaType(call.header('content-type'));
    if (type?.name === 'text/csv') {
      return answerTable(services, call, readCsvTable(tableBody(services, call), 'named'));
    }
    if (type?.name !== 'application/json') return unsupported(call.header('content-type') ?? '');
    const { form, position } = findForm(call.body);
    if (form === 'instances' || form === 'inputs') return answerTensors(services, call);
    const read = form === 'dataframe_split' ? readSplit : readRecords;
    return answerTable(services, call, read(tableBody(services, call), position));
  };
}

function tableBody(
  { catalog, defaultModel: configured, maxBodyBytes }: DialectServices,
  { body }: HttpCall,
): TableBody {
  return {
    catalog,
    model: defaultModel(catalog, configured),
    version: '',
    bytes: body,
    maxBytes: maxBodyBytes,
  };
}

async function answerTable(
  { infer }: DialectServices,
  { context }: HttpCall,
  { model, requests }: TableRequest,
): Promise<HttpReply> {
  const responses = await runRequests(infer, requests, context);
  const records = recordsText(columnTexts(responses, model.maxBatchSize > 0));
  return jsonPieces([Buffer.from(`{"predictions":${records}}`)]);
}

async function answerTensors(services: DialectServices, { body, context }: HttpCall): Promise<HttpReply> {
  const { infer, catalog, maxBodyBytes } = services;
  const model = defaultModel(catalog, services.defaultModel);
  const { request } = decodePredictRequest({
    model,
    version: '',
    bytes: body,
    inputs: catalog.metadata(model, '').inputs,
    maxBytes: maxBodyBytes,
    inputsForm: 'column',
  });
  const config = catalog.config(model, '');
  const { outputs } = await infer(request, context);
  return jsonPieces(tensorPieces(outputs.map((tensor) => inNativeShape(tensor, config))));
}

/** `{"predictions": {"output": [...], ...}}`, also for one output. */
function tensorPieces(outputs: readonly Tensor[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [Buffer.from('{"predictions":{')];
  for (const [index, tensor] of outputs.entries()) {
    pieces.push(Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(tensor.name)}:`), nestedText(tensor));
  }
  return [...pieces, Buffer.from('}}')];
}

/** Which form the body has, and where its value begins. */
function findForm(bytes: Buffer): { readonly form: Form; readonly position: number } {
  const reader = new JsonReader(bytes);
  const found: { readonly form: Form; readonly position: number }[] = [];
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    reader.peek();
    const form = forms.find((candidate) => candidate === key);
    if (form !== undefined) found.push({ form, position: reader.position });
    reader.skip();
  }
  reader.finish();
  const [only, more] = found;
  if (only !== undefined && more === undefined) return only;
  throw new ServingError(
    'invalid_argument',
    `The input must be a JSON dictionary with exactly one of the input fields ${forms.map((form) => `'${form}'`).join(', ')}.`,
    { reason: 'MALFORMED_MESSAGE' },
  );
}

function unsupported(type: string): HttpReply {
  const text = `This predictor only supports the following content types: 'text/csv', 'application/json'. Got '${type.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)}'.`;
  return {
    status: 415,
    contentType: 'text/plain; charset=utf-8',
    headers: [],
    pieces: [Buffer.from(text)],
    compressible: false,
  };
}
