import type { WireMessage } from '../client/connection.ts';
import { items, part, text } from '../client/fields.ts';
import { printable, renderTable } from './table.ts';

/** A line each. */
export function listOf(rollouts: readonly WireMessage[]): string {
  return renderTable(
    ['model', 'rollout', 'strategy', 'phase', 'candidate', 'percent', 'requests'],
    rollouts.map((rollout) => [
      word(rollout, 'model'),
      word(rollout, 'name'),
      word(rollout, 'strategy'),
      word(rollout, 'phase'),
      word(rollout, 'candidate_version'),
      String(rollout['percent']),
      String(rollout['candidate_requests']),
    ]),
    new Set(['percent', 'requests']),
  );
}

/** Where a rollout is, what it has found, and what to do. */
export function statusOf(rollout: WireMessage): string {
  const waiting = word(rollout, 'waiting_for');
  const lines = [
    `${word(rollout, 'name')}: ${word(rollout, 'strategy')} of ${word(rollout, 'model')}, version ${word(rollout, 'stable_version')} to ${word(rollout, 'candidate_version')}`,
    `${[word(rollout, 'phase'), ...progressOf(rollout)].join(', ')}${waiting === '' ? '' : ` (${waiting})`}`,
    ...designOf(rollout),
    '',
    ...armsOf(rollout),
    ...items(rollout, 'verdict').map((line) => printable(String(line))),
  ];
  return `${lines.join('\n')}\n`;
}

/** Only a canary has several steps; the shares of a bandit stand in its table, and a shadow has no users. */
function progressOf(rollout: WireMessage): readonly string[] {
  const strategy = word(rollout, 'strategy');
  if (strategy === 'bandit' || strategy === 'shadow') return [];
  const share = `${String(rollout['percent'])} % for ${word(rollout, 'candidate_label')}`;
  const steps = Number(rollout['steps']);
  return steps > 1 ? [`step ${String(rollout['step'])} of ${steps}`, share] : [share];
}

/** How an A/B test comes on. */
function designOf(rollout: WireMessage): readonly string[] {
  const design = part(rollout['design']);
  const planned = Number(design['planned_candidate'] ?? 0);
  if (!(planned > 0)) return [];
  const end = Number(design['expected_end_epoch_ms']);
  const looks = Number(design['looks']);
  const taken = `${String(design['looks_taken'])} of ${looks} looks taken`;
  const power =
    Number(design['power']) > 0
      ? `, enough to find ${Number(Number(design['effect']).toPrecision(4))} with ${String(design['power'])}`
      : '';
  return [
    `${Math.floor(Number(design['progress']) * 100)} % of ${String(design['planned_stable'])} and ${planned} observations of ${word(rollout, 'goal')}${power}; ${looks === 0 ? 'looked at all the time' : taken}`,
    ...(end > 0 ? [`expected to end by ${new Date(end).toISOString()} at the pace so far`] : []),
  ];
}

/** Versions of a bandit, and how their shares came about. */
function armsOf(rollout: WireMessage): readonly string[] {
  const bandit = part(rollout['bandit']);
  const shares = items(bandit, 'shares').map((raw) => part(raw));
  if (word(rollout, 'strategy') !== 'bandit') return [];
  const arms = items(rollout, 'arms').map((raw) => part(raw));
  const table = renderTable(
    ['version', 'percent', word(rollout, 'goal'), 'observations', 'shares so far'],
    arms.map((arm, index) => [
      `${word(arm, 'label')}${arm['dropped'] === true ? ' (dropped)' : ''}`,
      String(arm['percent']),
      String(Number(Number(arm['mean']).toPrecision(4))),
      String(Math.round(Number(arm['observations']))),
      spark(shares.map((share) => Number(items(share, 'percents')[index] ?? 0))),
    ]),
    new Set(['percent', 'observations']),
  );
  return [table];
}

const bars = '▁▂▃▄▅▆▇█';

/** Characters that fit beside the table. */
const sparkWidth = 40;

/** Percents as a line of bars, the newest last. */
function spark(percents: readonly number[]): string {
  return percents
    .slice(-sparkWidth)
    .map((percent) => bars[Math.min(Math.floor((percent / 100) * bars.length), bars.length - 1)] ?? ' ')
    .join('');
}

/** Who did what, when and why. */
export function historyOf(rollout: WireMessage): string {
  const rows = items(rollout, 'history').map((raw) => {
    const entry = part(raw);
    const at = new Date(Number(entry['at_epoch_ms'])).toISOString();
    return [at, word(entry, 'who'), word(entry, 'what'), word(entry, 'why')];
  });
  return renderTable(['when', 'who', 'what', 'why'], rows);
}

function word(message: WireMessage, field: string): string {
  return printable(text(message, field));
}
