import type { Datatype } from '../inference/datatype.ts';
import type { TensorArray, TensorElements } from './tensor-data.ts';

/** A parameter of a request or a tensor. An integer is sent as int64, another number as double. */
export type ClientParameter = boolean | number | bigint | string;

export interface InputTensor {
  readonly name: string;
  /** Found from the elements' type when left out; needed for plain arrays of numbers. */
  readonly datatype?: Datatype;
  /** One dimension with all elements when left out. */
  readonly shape?: readonly number[];
  readonly data: TensorElements;
}

export interface OutputTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** BYTES: one Uint8Array per element; {@link texts} reads them as UTF-8. BOOL: a byte each. BF16: as float32. */
  readonly data: TensorArray | readonly Uint8Array[];
}

export interface WantedOutput {
  readonly name: string;
  /** The best so many classes as `value:index:label` instead of the tensor. */
  readonly classification?: number;
}

export interface InferCall {
  readonly model: string;
  /** The newest ready one when left out. */
  readonly version?: string;
  readonly id?: string;
  readonly inputs: readonly InputTensor[];
  /** All outputs of the model when left out. */
  readonly outputs?: readonly (string | WantedOutput)[];
  readonly parameters?: Readonly<Record<string, ClientParameter>>;
}

export interface InferAnswer {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly outputs: readonly OutputTensor[];
  readonly parameters: Readonly<Record<string, ClientParameter>>;
}

/** One reply on a stream: an answer, or an error that belongs to the request of that id. */
export type StreamReply =
  | { readonly kind: 'answer'; readonly answer: InferAnswer }
  | { readonly kind: 'error'; readonly id: string; readonly message: string };

export interface InferStream extends AsyncDisposable {
  /** Resolves when the connection can take more. */
  send(call: InferCall): Promise<void>;
  /** No more requests follow; the replies end after the last one. */
  end(): void;
  /** To be read once. */
  readonly replies: AsyncIterable<StreamReply>;
}

export interface CallOptions {
  /** Becomes the call's deadline, which the server sees. None when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ServerInfo {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface ClientTls {
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: Buffer;
  /** PEM of the client's own certificate and key, for mutual TLS. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface ClientOptions {
  /** `host:port` or `unix:<path>`. */
  readonly address: string;
  /** undefined: plain text. */
  readonly tls?: ClientTls;
  readonly apiKey?: string;
  /** Largest message taken or sent; 2 GiB less one byte when left out. */
  readonly maxMessageBytes?: number;
}
