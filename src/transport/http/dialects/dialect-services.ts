import type { ModelCatalog, ModelControl } from '../../../inference/catalog.ts';
import type { Infer } from '../../../inference/infer.ts';
import type { JoinSharedTasks } from '../../../inference/task.ts';
import { versionOfLabel } from '../../../inference/tensorflow-rules.ts';
import type { Clock } from '../../../util/clock.ts';
import type { PathNames } from '../http-call.ts';

/** What dialects answer with: the same as the protocol's own front. */
export interface DialectServices {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** undefined refuses loading and unloading. */
  readonly control: ModelControl | undefined;
  /** What tensors of one request that come as JSON may take. */
  readonly maxBodyBytes: number;
  /** The model that is meant where none is named; '' for the only one that is ready. */
  readonly defaultModel: string;
  /** Whether all requests of the server come to this thread. */
  readonly alone: boolean;
  /** undefined: tasks are in the memory of this server. */
  readonly joinTasks?: JoinSharedTasks | undefined;
  readonly clock: Clock;
  readonly serverVersion: string;
  /** Paths that a platform chooses. */
  readonly predictRoute: string;
  readonly healthRoute: string;
  /** Folder that a platform puts models into and names them by; '' where it does not. */
  readonly sagemakerModels: string;
}

/** The version that a path asks for, by number or by label; '' for the newest. @throws as `versionOfLabel`. */
export function versionOf(catalog: ModelCatalog, { model, version, label }: PathNames): string {
  return label === '' ? version : versionOfLabel(catalog, model, label);
}
