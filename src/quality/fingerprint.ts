import { createHash } from 'node:crypto';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { MonitoringPlan } from '../inference/monitoring.ts';
import { columnsOf, vectorsOf } from './columns.ts';

/** The form of what is kept. */
const form = 1;

/** Of all that must not have changed for what is kept of a version to go on. Intervals and limits may. */
export function fingerprintOf(spec: ModelSpec, { feedback, drift }: MonitoringPlan): string {
  const about = {
    form,
    digest: spec.digest,
    columns: columnsOf(spec, drift).names,
    outputs: spec.outputs.map(({ name, datatype, dims }) => [name, datatype, dims]),
    meaning: spec.features?.outputs,
    classes: spec.features?.classes,
    feedback: feedback && { windowLabels: feedback.windowLabels, metric: feedback.baseline?.metric },
    drift: drift && { profile: drift.profile, firstRows: drift.firstRows, vectors: vectorsOf(spec, drift) },
  };
  return createHash('sha256').update(JSON.stringify(about)).digest('base64url').slice(0, 22);
}
