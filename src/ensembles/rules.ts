import type { EnsembleRules } from '../inference/ensemble.ts';
import { problemOf } from './check-models.ts';
import { planEnsemble } from './plan-ensemble.ts';

/** What loading and routing are given to know of ensembles. */
export const ensembleRules: EnsembleRules = { plan: planEnsemble, problem: problemOf };
