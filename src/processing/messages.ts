import type { Parameter } from '../inference/request.ts';
import type { Tensor } from '../inference/tensor.ts';

/** What the server sends to a module's process. */
export type ToModule =
  | { readonly kind: 'open'; readonly modulePath: string }
  | {
      readonly kind: 'run';
      readonly hook: 'preprocess' | 'postprocess';
      readonly model: string;
      readonly version: string;
      readonly id: string;
      readonly parameters: readonly (readonly [string, Parameter])[];
      readonly tensors: readonly Tensor[];
      readonly state: Uint8Array | undefined;
    };

/** What a module's process answers, one answer for each message; the server checks it as it does a stranger's. */
export type FromModule =
  | { readonly kind: 'opened'; readonly declaration: unknown; readonly hooks: readonly string[] }
  | {
      readonly kind: 'done';
      readonly tensors: readonly Tensor[];
      readonly state: Uint8Array | undefined;
      /** What the process holds now, in bytes. */
      readonly heldBytes: number;
    }
  /** The hook called `refuse`: the text is for the client. */
  | { readonly kind: 'refused'; readonly text: string; readonly heldBytes: number }
  /** The module threw, or returned what is no tensor: the text is for the log. */
  | { readonly kind: 'failed'; readonly text: string; readonly heldBytes: number };
