import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../support/source-tree.ts';
import { findProgram, type Tool } from '../../support/tools.ts';

const run = promisify(execFile);

function ofDeployment(what: string, tool: Tool): Tool {
  return tool.skip === false
    ? tool
    : { path: '', skip: `${what} is not installed; npm run setup:deploy installs it` };
}

/** A program of `npm run setup:deploy`, else one of the same name on the PATH. */
export function findDeployProgram(name: string): Tool {
  return ofDeployment(name, findProgram(name));
}

/** JSON schemas of Kubernetes and of custom resources, flattened for kubeconform. */
export function findSchemas(): Tool {
  const path = join(root, '.tools', 'schemas');
  return existsSync(path)
    ? { path, skip: false }
    : ofDeployment('the folder of schemas', { path: '', skip: 'missing' });
}

/**
 * What the program printed, both streams.
 * @throws Error with it when it ends with anything but 0, or takes longer than two minutes
 */
export async function runTool(tool: Tool, args: readonly string[], cwd: string = root): Promise<string> {
  try {
    const { stdout, stderr } = await run(tool.path, args, {
      cwd,
      timeout: 240_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout + stderr;
  } catch (error) {
    const said = ['stdout', 'stderr'].map((stream) =>
      error instanceof Error && stream in error ? String(Reflect.get(error, stream)) : '',
    );
    throw new Error(`${tool.path} ${args.join(' ')}:\n${said.join('')}`, { cause: error });
  }
}
