import type { CallContext } from './call-context.ts';

/** What TorchServe's clients ask a model over gRPC. */
export interface TorchserveQuestion {
  readonly model: string;
  /** As it is written; '' for the newest. */
  readonly version: string;
  /** Bytes by input; `data` is another name of the only one. */
  readonly parts: ReadonlyMap<string, Buffer>;
  /** What tensors may take that come as JSON. */
  readonly maxBytes: number;
}

/** Names and values, as they stand in the query of TorchServe's paths. */
export type TorchserveParameters = Readonly<Record<string, string>>;

/** TorchServe's interfaces without their transport. All throw what their paths answer with. */
export interface TorchserveCalls {
  /** JSON, as everything here that does not say what was done. */
  health(): string;
  /** @returns pieces of the answer. */
  predict(question: TorchserveQuestion, call: CallContext): Promise<readonly Uint8Array[]>;
  /** Hands over each answer once the one before has been taken. */
  stream(
    question: TorchserveQuestion,
    call: CallContext,
    take: (answer: readonly Uint8Array[]) => Promise<void>,
  ): Promise<void>;
  list(parameters: TorchserveParameters): string;
  describe(model: string, version: string): string;
  register(parameters: TorchserveParameters): Promise<string>;
  scale(model: string, parameters: TorchserveParameters): Promise<string>;
  unregister(model: string, version: string): Promise<string>;
}
