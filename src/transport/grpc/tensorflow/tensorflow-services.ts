import type { ModelCatalog } from '../../../inference/catalog.ts';
import type { Infer } from '../../../inference/infer.ts';
import { signatureName, signatureOf, versionStatuses } from '../../../inference/tensorflow-rules.ts';
import type { GrpcMethod, UnaryMethod } from '../method.ts';
import { isService, loadDefinitions, loadService, type Message, type ProtoService } from '../proto.ts';
import { decodePredictRequest, resolveChoice } from './predict-request.ts';
import { encodePredictResponse } from './predict-response.ts';
import { refuseTensorflow } from './refuse-tensorflow.ts';

const protoFile = 'tensorflow/serving.proto';

export interface TensorflowServicesOptions {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** What the values of a request's tensors may take. */
  readonly maxMessageBytes: number;
}

/** TensorFlow Serving's services as reflection shows them. */
export function tensorflowServices(): readonly ProtoService[] {
  return [predictionService(), modelService()];
}

function predictionService(): ProtoService {
  return loadService(protoFile, 'tensorflow.serving.PredictionService');
}

function modelService(): ProtoService {
  return loadService(protoFile, 'tensorflow.serving.ModelService');
}

/** Predict and GetModelMetadata of PredictionService, and GetModelStatus of ModelService. */
export function createTensorflowMethods(options: TensorflowServicesOptions): readonly GrpcMethod[] {
  const { catalog } = options;
  const encodeSignatures = signatureEncoder();
  return [
    createPredict(options),
    plainMethod(predictionService(), 'GetModelMetadata', (request) =>
      metadataReply(catalog, request, encodeSignatures),
    ),
    plainMethod(modelService(), 'GetModelStatus', (request) => {
      const { model, version } = modelOf(request, catalog);
      return { model_version_status: versionStatuses(catalog, model, version) };
    }),
  ];
}

function createPredict({ infer, catalog, maxMessageBytes }: TensorflowServicesOptions): UnaryMethod {
  return {
    kind: 'unary',
    path: predictionService().method('Predict').path,
    scope: 'infer',
    handle: (message, call) =>
      infer(decodePredictRequest(message, catalog, maxMessageBytes), call.context).then(
        encodePredictResponse,
      ),
  };
}

/** An rpc off the hot path, with messages as objects. */
function plainMethod(service: ProtoService, rpc: string, answer: (request: Message) => object): UnaryMethod {
  const { path, decode, encode } = service.method(rpc);
  return { kind: 'unary', path, scope: 'infer', handle: (message) => encode(answer(decode(message))) };
}

function modelOf(
  { model_spec: spec }: Message,
  catalog: ModelCatalog,
): { readonly model: string; readonly version: string } {
  const { name, version, version_label: label, signature_name: signature } = fieldsOf(spec);
  const number = text(fieldsOf(version)['value']);
  if (number.startsWith('-')) throw refuseTensorflow.version();
  return resolveChoice(
    { name: text(name), version: number, label: text(label), signature: text(signature) },
    catalog,
  );
}

/** Of a nested message, none when it is absent. */
function fieldsOf(message: unknown): Message {
  return new Object(message) as Message;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function metadataReply(catalog: ModelCatalog, request: Message, encode: EncodeSignatures): object {
  const { model, version } = modelOf(request, catalog);
  const fields: unknown = request['metadata_field'];
  if (!Array.isArray(fields) || fields.length === 0) throw refuseTensorflow.noMetadataField();
  for (const name of fields) if (name !== 'signature_def') throw refuseTensorflow.metadataField(String(name));
  const metadata = catalog.metadata(model, version);
  const value = encode({ signature_def: { [signatureName]: signatureOf(metadata) } });
  return {
    model_spec: {
      name: model,
      version: { value: version === '' ? (metadata.versions.at(-1) ?? '0') : version },
    },
    metadata: {
      signature_def: { type_url: 'type.googleapis.com/tensorflow.serving.SignatureDefMap', value },
    },
  };
}

type EncodeSignatures = (map: object) => Buffer;

/** The encoding of SignatureDefMap, which travels inside of an Any. */
function signatureEncoder(): EncodeSignatures {
  const definition = loadDefinitions(protoFile)['tensorflow.serving.SignatureDefMap'];
  if (definition === undefined || isService(definition) || !('serialize' in definition)) {
    throw new Error('bug: no SignatureDefMap');
  }
  return definition.serialize;
}
