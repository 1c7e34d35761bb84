import { percentText } from '../amounts.ts';
import { rolloutRows, type RolloutRow } from '../quality-view.ts';
import { element } from './dom.ts';
import type { ConsoleState, Section } from './section.ts';

/** Rollouts and experiments with their arms. Not shown where there are none. */
export function createRollouts(): Section {
  const list = element('div', { class: 'split-list' });
  const section = element('section', { 'aria-labelledby': 'rollouts-title', class: 'rollouts', hidden: '' }, [
    element('h2', { id: 'rollouts-title' }, ['Rollouts and experiments']),
    list,
  ]);
  return {
    element: section,
    update({ reading }: ConsoleState) {
      const rows = rolloutRows(reading);
      section.hidden = rows.length === 0;
      list.replaceChildren(...rows.map(rolloutOf));
    },
  };
}

function rolloutOf({ model, name, state, condition, arms }: RolloutRow): HTMLElement {
  const bar = element('div', { class: 'split' });
  const words: HTMLElement[] = [];
  for (const [index, { arm, version, share, requests, failures }] of arms.entries()) {
    const part = element('span', { class: `part part-${index % 4}` });
    part.style.flexGrow = String(share);
    bar.append(part);
    const failed = failures === 0 ? '' : `, ${failures} failed`;
    words.push(
      element('span', { class: `key key-${index % 4}` }, [
        `${arm}, version ${version}: ${percentText(share)}, ${requests} requests${failed}`,
      ]),
    );
  }
  return element('div', { class: 'split-line' }, [
    element('strong', {}, [`${model}: ${name}`]),
    element('span', { class: 'state', 'data-condition': condition }, [state]),
    bar,
    element('div', { class: 'keys' }, words),
  ]);
}
