import type { Batch } from '../inference/executor.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Member } from './assemble.ts';
import { cutRows } from './pad-rows.ts';
import type { PaddingPlan } from './padding-plan.ts';
import { ScatterReader } from './ragged.ts';
import { asClientsSee, followsRows } from './respond.ts';
import { RowReader } from './split.ts';

/** What a batch was made of. */
export interface SplitOptions {
  readonly batch: Batch;
  /** undefined for a batch that cannot have been padded. */
  readonly plan: PaddingPlan | undefined;
}

/**
 * The outputs of each request of a batch, in their order, as clients see them.
 *
 * @returns why the outputs cannot be told apart, instead: the model is not what its configuration says.
 */
export function splitBatch(
  { spec, scheduling }: Pick<Target, 'spec' | 'scheduling'>,
  members: readonly Member[],
  outputs: readonly Tensor[],
  { batch, plan }: SplitOptions,
): readonly (readonly Tensor[])[] | string {
  const { ragged } = scheduling;
  if (ragged !== undefined) return splitRagged({ spec, scheduling }, members, outputs, batch.rows);
  if (members.length > 1 && !followsRows(outputs, batch.rows)) {
    return 'an output of a joined batch does not follow the batch dimension';
  }
  const sizes = plan?.sizesIn(batch.inputs) ?? [];
  if (plan !== undefined && members.some((member) => plan.isPadded(member.request, sizes))) {
    for (const { name, shape } of outputs) {
      const rule = plan.outputRule(name);
      if (rule?.axes.some((axis) => shape[axis] !== sizes[rule.size]) === true) {
        return 'an output of a padded batch is not as long as its inputs';
      }
    }
  }
  const seen = asClientsSee(spec, outputs);
  const readers = seen.map((output) => new RowReader(output));
  return members.map((member) => {
    const own = members.length === 1 ? seen : readers.map((reader) => reader.next(member.rows));
    return plan === undefined ? own : unpad(plan, member, own);
  });
}

function unpad(plan: PaddingPlan, { request }: Member, outputs: readonly Tensor[]): readonly Tensor[] {
  const sizes = plan.sizesOf(request);
  return outputs.map((output) => {
    const rule = plan.outputRule(output.name);
    let cut = output;
    for (const axis of rule?.axes ?? []) cut = cutRows(cut, axis, sizes?.[rule?.size ?? -1] ?? 0);
    return cut;
  });
}

function splitRagged(
  { spec, scheduling }: Pick<Target, 'spec' | 'scheduling'>,
  members: readonly Member[],
  outputs: readonly Tensor[],
  rows: number,
): readonly (readonly Tensor[])[] | string {
  const scattered = scheduling.ragged?.scattered ?? new Map<string, string>();
  const whole = outputs.filter(({ name }) => !scattered.has(name));
  if (!followsRows(whole, rows)) return 'an output of a ragged batch does not follow the batch dimension';
  const readers = asClientsSee(spec, outputs).map((output) => {
    const source = scattered.get(output.name);
    return source === undefined ? new RowReader(output) : new ScatterReader(spec, output, source);
  });
  const answers = members.map((member) =>
    readers.map((reader) =>
      reader instanceof ScatterReader ? reader.next(member) : reader.next(member.rows),
    ),
  );
  if (readers.some((reader) => reader instanceof ScatterReader && !reader.exhausted)) {
    return 'a scattered output of a ragged batch has not the size of its inputs';
  }
  return answers;
}
