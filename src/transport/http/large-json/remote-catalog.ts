import { receiveMessageOnPort } from 'node:worker_threads';
import type {
  IndexEntry,
  ModelCatalog,
  ModelConfigMessage,
  ModelMetadata,
} from '../../../inference/catalog.ts';
import type { ModelFeatures } from '../../../inference/features.ts';
import type { Answer, CatalogQuestion, ThreadSetup } from './messages.ts';
import { fromRefused } from './refused.ts';

/** The catalog of the thread that serves, which answers at once: the thread that asks waits. */
export class RemoteCatalog implements ModelCatalog {
  readonly #setup: ThreadSetup;
  readonly #signal: Int32Array;
  readonly #send: (about: CatalogQuestion, asked: readonly unknown[]) => void;

  constructor(setup: ThreadSetup, send: (about: CatalogQuestion, asked: readonly unknown[]) => void) {
    this.#setup = setup;
    this.#signal = new Int32Array(setup.signal);
    this.#send = send;
  }

  ready(): boolean {
    return this.#ask('ready', []) as boolean;
  }

  modelReady(model: string, version: string): boolean {
    return this.#ask('modelReady', [model, version]) as boolean;
  }

  metadata(model: string, version: string): ModelMetadata {
    return this.#ask('metadata', [model, version]) as ModelMetadata;
  }

  config(model: string, version: string): ModelConfigMessage {
    return this.#ask('config', [model, version]) as ModelConfigMessage;
  }

  labels(model: string, version: string): ReadonlyMap<string, readonly string[]> {
    return this.#ask('labels', [model, version]) as ReadonlyMap<string, readonly string[]>;
  }

  features(model: string, version: string): ModelFeatures | undefined {
    return this.#ask('features', [model, version]) as ModelFeatures | undefined;
  }

  index(readyOnly: boolean): readonly IndexEntry[] {
    return this.#ask('index', [readyOnly]) as readonly IndexEntry[];
  }

  statistics(): never {
    throw new Error('bug: statistics are not needed to read a body');
  }

  onChange(): never {
    throw new Error('bug: nobody who reads a body waits for changes');
  }

  #ask(about: CatalogQuestion, asked: readonly unknown[]): unknown {
    Atomics.store(this.#signal, 0, 0);
    this.#send(about, asked);
    Atomics.wait(this.#signal, 0, 0);
    const received = receiveMessageOnPort(this.#setup.answers);
    if (received === undefined) throw new Error('bug: an answer was announced and is not there');
    const answer = received.message as Answer;
    if ('error' in answer) throw fromRefused(answer.error);
    return answer.value;
  }
}
