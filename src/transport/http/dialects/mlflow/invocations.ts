import { nestedText } from '../nested/nested-text.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import type { Handler, HttpCall } from '../../http-call.ts';
import { readBody } from '../../large-json/large-json.ts';
import { jsonPieces, type HttpReply } from '../../reply.ts';
import { defaultModel } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { mediaType } from '../media-type.ts';
import { runRequests } from '../plain/run-requests.ts';
import { readTableBody } from '../tables/read-table-body.ts';
import type { TableForm } from '../tables/read-table.ts';
import { columnTexts, recordsText } from '../tables/table-text.ts';
import { decodePredictRequest } from '../v1-models/predict-request.ts';
import { findInvocationForm } from './invocation-form.ts';
import { inNativeShape } from './native-shape.ts';

/** What `mlflow models serve` answers at `/invocations` for an ONNX model: data frames, tensors and CSV. */
export function createInvocations(services: DialectServices): Handler {
  return async (call) => {
    const type = mediaType(call.header('content-type'));
    if (type?.name === 'text/csv') {
      return answerTable(services, call, { form: 'named' });
    }
    if (type?.name !== 'application/json') return unsupported(call.header('content-type') ?? '');
    const { form, position } = await readBody(
      call,
      'invocationForm',
      { bytes: call.body },
      { read: findInvocationForm },
    );
    if (form === 'instances' || form === 'inputs') return answerTensors(services, call);
    return answerTable(services, call, { form: form === 'dataframe_split' ? 'split' : 'records', position });
  };
}

async function answerTable(services: DialectServices, call: HttpCall, form: TableForm): Promise<HttpReply> {
  const { model, requests } = await readTableBody(services, call, form);
  const responses = await runRequests(services.infer, requests, call.context);
  const records = recordsText(columnTexts(responses, model.maxBatchSize > 0));
  return jsonPieces([Buffer.from(`{"predictions":${records}}`)]);
}

async function answerTensors(services: DialectServices, call: HttpCall): Promise<HttpReply> {
  const { infer, catalog, maxBodyBytes } = services;
  const { body, context } = call;
  const model = defaultModel(catalog, services.defaultModel);
  const asked = {
    model,
    version: '',
    bytes: body,
    inputs: catalog.metadata(model, '').inputs,
    maxBytes: maxBodyBytes,
    inputsForm: 'column',
  } as const;
  const { request } = await readBody(call, 'tensors', asked, { read: decodePredictRequest });
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
