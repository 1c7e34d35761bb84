import type { Target } from '../inference/target.ts';
import type { TrafficSplits } from '../inference/traffic-split.ts';
import type { ModelState } from '../models/model-table.ts';
import type { ReadableVersion, VersionState } from '../models/version-state.ts';
import type { NewSteps, NewTarget, Publication, PublishedModel, PublishedState } from './messages.ts';
import type { SpreadModel } from './spread-model.ts';

export interface PublicationSources {
  readonly ready: boolean;
  readonly starting: boolean;
  readonly models: ReadonlyMap<string, ModelState>;
  readonly splits: TrafficSplits;
  readonly spreadOf: (target: Target) => SpreadModel;
  readonly memoriesOf: (target: Target) => readonly SharedArrayBuffer[];
}

/** Sequences of many requests would need one thread: they are not loaded. */
function stepsOf({ sequences }: Target, threads: number): NewSteps | undefined {
  if (sequences === undefined) return undefined;
  const { model, ...plan } = sequences;
  const slots = Math.max(1, Math.floor(plan.slots / threads));
  return { plan: { ...plan, slots }, spec: model.spec };
}

/** The models as they are now, in a form that crosses threads; every ready target is among `added`. */
export function publicationOf({
  ready,
  starting,
  models,
  splits,
  spreadOf,
  memoriesOf,
}: PublicationSources): Publication {
  const added: NewTarget[] = [];
  const publish = (state: VersionState<ReadableVersion>): PublishedState => {
    if (state.kind !== 'ready') return state;
    const { target, config } = state.served;
    const { id, batchingOffReason } = spreadOf(target);
    const { spec, scheduling, rehearsed = [], sample } = target;
    const memories = memoriesOf(target);
    added.push({
      ensemble: target.ensemble,
      steps: stepsOf(target, memories.length),
      processed: target.processing?.model.spec,
      id,
      spec,
      scheduling,
      rehearsed,
      sample,
      config,
      memories,
      batchingOffReason,
    });
    return { kind: 'ready', id, problem: state.problem };
  };
  const published = Array.from(models.values(), (model): PublishedModel => ({
    name: model.name,
    intended: model.intended,
    problem: model.problem,
    ready: model.ready,
    versions: new Map(Array.from(model.versions, ([version, state]) => [version, publish(state)])),
  }));
  return { ready, starting, models: published, added, splits };
}
