import { percentText, rateText } from '../amounts.ts';
import type { VersionView } from '../live-view.ts';
import { element } from './dom.ts';
import type { ConsoleState, Section } from './section.ts';

/** How the requests of models with several versions are divided. Not shown where there are none. */
export function createTraffic(): Section {
  const list = element('div', { class: 'split-list' });
  const section = element('section', { 'aria-labelledby': 'traffic-title', hidden: '' }, [
    element('h2', { id: 'traffic-title' }, ['Traffic']),
    list,
  ]);
  return {
    element: section,
    update({ view }: ConsoleState) {
      const divided = Map.groupBy(view.versions, ({ model }) => model);
      const models = [...divided].filter(([, versions]) => versions.length > 1);
      section.hidden = models.length === 0;
      list.replaceChildren(...models.map(([model, versions]) => splitOf(model, versions)));
    },
  };
}

function splitOf(model: string, versions: readonly VersionView[]): HTMLElement {
  const bar = element('div', { class: 'split' });
  const words: HTMLElement[] = [];
  for (const [index, { version, trafficShare, requestsPerSecond }] of versions.entries()) {
    const part = element('span', { class: `part part-${index % 4}` });
    part.style.flexGrow = String(trafficShare ?? 0);
    bar.append(part);
    const share =
      trafficShare === null
        ? 'no requests'
        : `${percentText(trafficShare)}, ${rateText(requestsPerSecond)} req/s`;
    words.push(element('span', { class: `key key-${index % 4}` }, [`version ${version}: ${share}`]));
  }
  return element('div', { class: 'split-line' }, [
    element('strong', {}, [model]),
    bar,
    element('div', { class: 'keys' }, words),
  ]);
}
