import { ServingError } from '../errors.ts';
import type { EnsemblePlan } from '../inference/ensemble.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { RoutingTable } from '../inference/routing-table.ts';
import type { Target } from '../inference/target.ts';
import { completeEnsemble, stepCycle } from './ensemble-config.ts';
import { monitorOf, specOf, type LoadRequest, type LoadTools } from './load-version.ts';
import type { ModelFiles } from './model-source.ts';
import { refuseProcessing } from './processing-file.ts';
import { schedulingOf } from './scheduling.ts';
import type { ServedVersion } from './version-state.ts';

/** An ensemble has no model of its own. */
export const noFiles: ModelFiles = { modelPath: '', files: [] };

/**
 * Checks one version of an ensemble against the models that are ready now. When it resolves, it can be routed to for as
 * long as they are.
 *
 * @throws ServingError
 */
export async function loadEnsemble(
  { source, version, config: given, stamp }: LoadRequest,
  tools: LoadTools,
): Promise<ServedVersion> {
  const startedAt = tools.clock.now();
  await refuseProcessing(source);
  const config = completeEnsemble(given, source.name);
  if (config.ensemble_scheduling === undefined) throw new Error('bug: the configuration is no ensemble');
  const ownSpec = await specOf(config, source, version.version, noFiles);
  const plan = tools.ensembles.plan(ownSpec, config.ensemble_scheduling);
  const routes = tools.routes();
  checkModels(ownSpec, plan, routes, tools);
  const spec = withLabelsOfSteps(ownSpec, plan, routes);
  const opened = await tools.openEnsemble();
  const counters = tools.createStatistics(spec.name, spec.version);
  const target: Target = {
    spec,
    scheduling: schedulingOf(config),
    executors: opened.executors,
    statistics: counters,
    ensemble: plan,
    monitor: await monitorOf(spec, tools),
  };
  return { target, config, opened, counters, stamp, loadMs: tools.clock.now() - startedAt };
}

function checkModels(
  spec: ModelSpec,
  plan: EnsemblePlan,
  routes: RoutingTable,
  { ensembles }: LoadTools,
): void {
  const cycle = stepCycle(spec.name, (model) =>
    model === spec.name ? stepsIn(plan) : servedSteps(routes, model),
  );
  const problem =
    cycle === undefined
      ? ensembles.problem({ spec, ensemble: plan }, routes)
      : `its steps lead back to it: ${cycle.join(' -> ')}`;
  if (problem === '') return;
  throw new ServingError('invalid_argument', problem, { reason: 'MODEL_LOAD_FAILED' });
}

function stepsIn({ steps }: EnsemblePlan): readonly string[] {
  return steps.map(({ model }) => model);
}

/** Of all versions that serve. */
function servedSteps(routes: RoutingTable, model: string): readonly string[] {
  const targets = [...(routes.get(model)?.ready.values() ?? [])];
  return targets.flatMap(({ ensemble }) => (ensemble === undefined ? [] : stepsIn(ensemble)));
}

/** Outputs without labels of their own have those of the model that writes them. */
function withLabelsOfSteps(
  spec: ModelSpec,
  { steps, outputs: tensors, writers }: EnsemblePlan,
  routes: RoutingTable,
): ModelSpec {
  const outputs = spec.outputs.map((output, position) => {
    const tensor = tensors[position] ?? -1;
    const step = steps[writers[tensor] ?? -1];
    if (output.labels.length > 0 || step === undefined) return output;
    const found = routes.get(step.model);
    const writer = step.version === '' ? found?.newest : found?.ready.get(step.version);
    const name = step.outputs.find((written) => written.tensor === tensor)?.name ?? '';
    return { ...output, labels: writer?.spec.outputsByName.get(name)?.labels ?? [] };
  });
  return { ...spec, outputs, outputsByName: new Map(outputs.map((output) => [output.name, output])) };
}
