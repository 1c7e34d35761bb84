import type { ModelCatalog } from '../../../inference/catalog.ts';
import { findInvocationForm } from '../dialects/mlflow/invocation-form.ts';
import { readPredict, type PredictBody, type PredictRequest } from '../dialects/plain/read-predict.ts';
import { findScoringForm, type FoundForm } from '../dialects/scoring/scoring-form.ts';
import { readTable } from '../dialects/tables/read-table.ts';
import {
  decodePrediction,
  type DecodedPrediction,
  type PredictionBody,
} from '../dialects/torchserve/prediction-request.ts';
import { decodePredictRequest } from '../dialects/v1-models/predict-request.ts';
import { readExamples } from '../dialects/v1-models/read-examples.ts';
import { decodeGenerateRequest } from '../generate.ts';
import { decodeInferRequest } from '../infer-request.ts';

type AskedPredict = Omit<PredictBody, 'catalog'>;

/**
 * What reads bodies, by name. Each takes one object whose `bytes` are the body, and nothing else that cannot be sent to
 * another thread; so is what it returns.
 */
export const decoders = {
  infer: decodeInferRequest,
  generate: decodeGenerateRequest,
  tensors: decodePredictRequest,
  examples: readExamples,
  table: readTable,
  plain: (asked: AskedPredict, catalog: ModelCatalog): PredictRequest => readPredict({ ...asked, catalog }),
  torchserve: (asked: PredictionBody, catalog: ModelCatalog): DecodedPrediction =>
    decodePrediction(asked, catalog),
  scoringForm: ({ bytes }: { readonly bytes: Buffer }): FoundForm => findScoringForm(bytes),
  invocationForm: findInvocationForm,
} as const;

export type DecoderName = keyof typeof decoders;

/** What a decoder is given. */
export type Asked<N extends DecoderName> = Parameters<(typeof decoders)[N]>[0];

export type Decoded<N extends DecoderName> = ReturnType<(typeof decoders)[N]>;
