import type { LiveView } from '../live-view.ts';
import type { ModelRow } from '../model-rows.ts';
import type { MetricsReading } from '../reading.ts';

/** Everything that is known at one moment. */
export interface ConsoleState {
  readonly view: LiveView;
  readonly rows: readonly ModelRow[];
  /** The page of metrics itself, for what the view leaves out. */
  readonly reading: MetricsReading;
  /** What the caller may do. */
  readonly mayMove: boolean;
}

/** A part of the page. It makes its element once, and changes what is in it at each update. */
export interface Section {
  readonly element: HTMLElement;
  update(state: ConsoleState): void;
}
