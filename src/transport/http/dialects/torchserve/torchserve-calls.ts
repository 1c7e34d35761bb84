import type { CallContext } from '../../../../inference/call-context.ts';
import type { InferResponse } from '../../../../inference/response.ts';
import type {
  TorchserveCalls,
  TorchserveParameters,
  TorchserveQuestion,
} from '../../../../inference/torchserve-calls.ts';
import type { DialectServices } from '../dialect-services.ts';
import { describeModel, listModels } from './describe-model.ts';
import { registerModel, scaleModel, unregisterModel } from './manage-models.ts';
import { decodeParts } from './prediction-request.ts';
import { predictionPieces } from './prediction-response.ts';
import { versionAsWritten } from './version-as-written.ts';

/** TorchServe's interfaces for a front that is not this one: the same answers, from the same code. */
export function createTorchserveCalls(
  services: Pick<DialectServices, 'infer' | 'catalog' | 'control'>,
): TorchserveCalls {
  const { infer, catalog } = services;
  const prepare = ({ model, version, parts, maxBytes }: TorchserveQuestion) =>
    decodeParts({ model, version: versionAsWritten(model, version), parts, maxBytes }, catalog);
  return {
    health: () => pretty({ status: catalog.ready() ? 'Healthy' : 'Unhealthy' }),
    async predict(question, call) {
      const { request, batches } = prepare(question);
      return predictionPieces(await infer(request, call), batches);
    },
    async stream(question, call, take) {
      const { request, batches } = prepare(question);
      const tell = (response: InferResponse): Promise<void> => take(predictionPieces(response, batches));
      call.streaming = true;
      call.takeAnswer = tell;
      const last = await infer(request, call);
      if (!isEmpty(last, call)) await tell(last);
    },
    list: (parameters) => pretty(listModels(services, queryOf(parameters))),
    describe: (model, version) => pretty(describeModel(services, { model, label: version }, 'one')),
    register: (parameters) => registerModel(services, queryOf(parameters)),
    scale: (model, parameters) => scaleModel(services, model, queryOf(parameters)),
    unregister: (model, version) => unregisterModel(services, { model, label: version }),
  };
}

/** Whether a decoupled model has said all before its last answer. */
function isEmpty({ outputs }: InferResponse, { decoupled }: CallContext): boolean {
  return decoupled && outputs.length === 0;
}

function queryOf(parameters: TorchserveParameters): URLSearchParams {
  return new URLSearchParams(parameters);
}

/** As TorchServe lays it out. */
function pretty(value: object): string {
  return JSON.stringify(value, undefined, 2);
}
