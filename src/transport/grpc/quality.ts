import type { ReportMetric } from '../../inference/arm-metrics.ts';
import { noMetrics, reportFeedback } from '../../inference/feedback-metrics.ts';
import type { Label, LabelledRequest, ModelQuality } from '../../inference/monitoring.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import { loadService, type Message, type ProtoService } from './proto.ts';

export function qualityService(): ProtoService {
  return loadService('tensorgate/quality/v1/quality.proto', 'tensorgate.quality.v1.Quality');
}

/** tensorgate.quality.v1.Quality. @param reportMetric left out where there are no rollouts. */
export function createQualityMethods(
  quality: ModelQuality,
  reportMetric?: ReportMetric,
): readonly GrpcMethod[] {
  const unary = (
    rpc: string,
    scope: 'infer' | 'admin',
    answer: (request: Message, call: GrpcCall) => object | Promise<object>,
  ): GrpcMethod => {
    const { path, decode, encode } = qualityService().method(rpc);
    return {
      kind: 'unary',
      path,
      scope,
      handle: async (message, call) => encode(await answer(decode(message), call)),
    };
  };
  return [
    unary('SendFeedback', 'infer', async (request, call) => {
      const [model, version] = [text(request['model']), text(request['version'])];
      const [principal, caller] = [text(request['principal']), call.context.principal];
      const requests = messages(request['requests']).map(toldRequest);
      // First: values that come again do no harm.
      const worth =
        reportMetric === undefined || requests.every(({ metrics }) => metrics.length === 0)
          ? noMetrics
          : await reportFeedback({ model, principal, requests }, caller, reportMetric);
      const labels = requests.filter((told) => told.labels.length > 0 || told.metrics.length === 0);
      const counts =
        labels.length === 0 && requests.length > 0
          ? {}
          : await quality.feedback({ model, version, principal, labels }, caller);
      return {
        ...counts,
        metrics_used: worth.used,
        metrics_unknown: worth.unknown,
        metrics_repeated: worth.repeated,
        metrics_unused: worth.unused,
      };
    }),
    unary('GetReport', 'admin', async (request) => ({
      json: JSON.stringify(await quality.report(text(request['model']), text(request['version']))),
    })),
  ];
}

interface ToldRequest extends LabelledRequest {
  readonly metrics: readonly (readonly [metric: string, value: unknown])[];
}

function toldRequest(message: Message): ToldRequest {
  const metrics = message['metrics'];
  return {
    id: text(message['id']),
    labels: messages(message['labels']).map(label),
    metrics: typeof metrics === 'object' && metrics !== null ? Object.entries(metrics) : [],
  };
}

/** The oneof says which field was sent; others hold their defaults. */
function label(message: Message): Label {
  const number = message['number'];
  return message['value'] === 'number' && typeof number === 'number' ? number : text(message['name']);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function messages(value: unknown): readonly Message[] {
  const items: readonly Message[] = Array.isArray(value) ? value : [];
  return items;
}
