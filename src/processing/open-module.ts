import type { Logger } from '../inference/logger.ts';
import type { ModuleDeclaration, ProcessingPlan, Processor } from '../inference/processing.ts';
import type { Clock } from '../util/clock.ts';
import { checkDeclaration, MessageError } from './check-messages.ts';
import { startModuleProcess, type StartModuleProcess } from './module-process.ts';
import { ProcessPool } from './process-pool.ts';
import { notLoaded } from './refusals.ts';

export interface OpenModuleOptions {
  /** How the log names the model. */
  readonly model: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tests give processes that do as they are told. */
  readonly start?: StartModuleProcess | undefined;
}

export interface OpenModule {
  readonly declaration: ModuleDeclaration;
  readonly processor: Processor;
}

/** Starts a module's processes. @throws ServingError invalid_argument; nothing is left open then. */
export async function openModule(
  plan: ProcessingPlan,
  { model, clock, logger, start = startModuleProcess }: OpenModuleOptions,
): Promise<OpenModule> {
  const processor = new ProcessPool({ model, plan, clock, logger, start });
  try {
    const { declaration, hooks } = await processor.open();
    return { declaration: checkDeclaration(declaration, hooks), processor };
  } catch (error) {
    await processor[Symbol.asyncDispose]();
    if (error instanceof MessageError) throw notLoaded(error.message);
    throw error;
  }
}
