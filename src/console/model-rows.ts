import type { LiveView, VersionView } from './live-view.ts';

/** What the repository index says of a version; version, state and reason are '' for a model that was never loaded. */
export interface IndexLine {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
}

/** One line of a list of models: a version that serves, or one that does not. */
export interface ModelRow {
  readonly model: string;
  readonly version: string;
  /** For people: ready, breaker open, loading, not loaded ... */
  readonly state: string;
  /** `bad` is for somebody to look at. */
  readonly condition: 'good' | 'busy' | 'bad' | 'off';
  /** Why it does not serve; '' where it does, or where nothing is known. */
  readonly reason: string;
  /** undefined for what does not serve. */
  readonly view: VersionView | undefined;
}

const states: Readonly<Record<string, Pick<ModelRow, 'state' | 'condition'>>> = {
  '': { state: 'not loaded', condition: 'off' },
  READY: { state: 'ready', condition: 'good' },
  LOADING: { state: 'loading', condition: 'busy' },
  UNLOADING: { state: 'unloading', condition: 'busy' },
  UNAVAILABLE: { state: 'unavailable', condition: 'bad' },
};

/** What serves with its numbers, then what the index has besides. */
export function modelRows(view: LiveView, index: readonly IndexLine[]): readonly ModelRow[] {
  const rows = view.versions.map((version): ModelRow => {
    const line = index.find(({ name, version: own }) => name === version.model && own === version.version);
    return {
      model: version.model,
      version: version.version,
      ...serving(version, line),
      reason: '',
      view: version,
    };
  });
  const serves = new Set(rows.map(({ model, version }) => `${version}/${model}`));
  const others = index
    .filter(({ name, version }) => !serves.has(`${version}/${name}`))
    // What was unloaded stays in the index, with its versions.
    .map(({ name, version, state, reason }): ModelRow => ({
      model: name,
      version,
      ...(reason === 'unloaded' ? stateOf('') : stateOf(state)),
      reason: reason === 'unloaded' ? '' : reason,
      view: undefined,
    }));
  return [...rows, ...others];
}

function serving(version: VersionView, line: IndexLine | undefined): Pick<ModelRow, 'state' | 'condition'> {
  if (version.breaker === 'open') return { state: 'breaker open', condition: 'bad' };
  if (version.breaker === 'half_open') return { state: 'half-open', condition: 'busy' };
  return stateOf(line === undefined ? 'READY' : line.state);
}

function stateOf(state: string): Pick<ModelRow, 'state' | 'condition'> {
  return states[state] ?? { state: state.toLowerCase(), condition: 'off' };
}
