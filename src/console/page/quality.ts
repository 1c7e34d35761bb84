import { percentText } from '../amounts.ts';
import { qualityRows, type QualityRow } from '../quality-view.ts';
import { element } from './dom.ts';
import type { ConsoleState, Section } from './section.ts';

/** Names of drifted features that are told; there may be thousands. */
const mostNames = 5;

/** Labels and drift of the versions that are monitored. Not shown where none is. */
export function createQuality(): Section {
  const body = element('tbody');
  const heads = ['Model', 'Drift', 'Labels', 'By confidence', 'By labels'].map((text) =>
    element('th', { scope: 'col' }, [text]),
  );
  const table = element('table', {}, [element('thead', {}, [element('tr', {}, heads)]), body]);
  const section = element('section', { 'aria-labelledby': 'quality-title', class: 'quality', hidden: '' }, [
    element('h2', { id: 'quality-title' }, ['Quality and drift']),
    element('div', { class: 'scroll' }, [table]),
  ]);
  return {
    element: section,
    update({ reading }: ConsoleState) {
      const rows = qualityRows(reading);
      section.hidden = rows.length === 0;
      body.replaceChildren(...rows.map(rowOf));
    },
  };
}

function rowOf(row: QualityRow): HTMLElement {
  const { model, version, metrics, labels, belowBaseline, estimatedAccuracy } = row;
  const known = [...metrics].map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`).join(', ');
  const byLabels = element('td', {}, [known === '' ? '–' : known]);
  if (belowBaseline) byLabels.append(' ', state('below its baseline', 'bad'));
  return element('tr', {}, [
    element('td', {}, [`${model} ${version}`]),
    element('td', {}, driftOf(row)),
    element('td', {}, [String(labels)]),
    element('td', {}, [percentText(estimatedAccuracy)]),
    byLabels,
  ]);
}

function driftOf({ driftShare, drifted, mostChanged }: QualityRow): (Node | string)[] {
  if (drifted.length > 0) {
    const names = drifted.slice(0, mostNames).join(', ');
    const more = drifted.length > mostNames ? ` and ${drifted.length - mostNames} more` : '';
    return [state('drifted', 'bad'), ` ${names}${more}`];
  }
  if (driftShare.size === 0) return ['–'];
  const most =
    mostChanged === null ? '' : `, PSI of ${mostChanged.name} ${Number(mostChanged.index.toPrecision(2))}`;
  return [`none${most}`];
}

function state(text: string, condition: string): HTMLElement {
  return element('span', { class: 'state', 'data-condition': condition }, [text]);
}
