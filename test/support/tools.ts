import { accessSync, constants, existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const tools = join(import.meta.dirname, '..', '..', '.tools');

/** A program or file that a test needs and this machine may lack. */
export type Tool =
  | { readonly path: string; readonly skip: false }
  | { readonly path: ''; readonly skip: string };

function missing(what: string): Tool {
  return { path: '', skip: `${what} is not installed; npm run setup:ci installs it` };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A program of `npm run setup:ci`, else one of the same name on the PATH. `skip` is for node:test's option. */
export function findProgram(name: string): Tool {
  const folders = [join(tools, 'bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
  const path = folders.map((folder) => join(folder, name)).find(isProgram);
  return path === undefined ? missing(name) : { path, skip: false };
}

/** The Python with the pinned packages; no other one will do, since results are compared with its onnxruntime. */
export function findPython(): Tool {
  const path = join(tools, 'venv', 'bin', 'python');
  return isProgram(path)
    ? { path, skip: false }
    : missing('the Python environment with tritonclient and onnxruntime');
}

/** That Python, where it has a package that was not in it from the beginning. */
export function findPythonPackage(name: string): Tool {
  const there = globSync(join(tools, 'venv', 'lib', 'python3*', 'site-packages', name)).length > 0;
  return there ? findPython() : missing(`the Python package ${name}`);
}

/** A program of a Python environment that is named after it; `python` in those of MLflow and MLServer. */
export function findVirtualProgram(environment: 'schemathesis' | 'mlflow' | 'mlserver'): Tool {
  const name = environment === 'schemathesis' ? environment : 'python';
  const path = join(tools, environment, 'bin', name);
  return isProgram(path) ? { path, skip: false } : missing(`the Python environment with ${environment}`);
}

const sourceTools = {
  moto: 'sources/bin/moto_server',
  model_signing: 'sources/bin/model_signing',
  'fake-gcs-server': 'bin/fake-gcs-server',
  'docker-registry': 'docker-registry/docker-registry',
  azurite: 'azurite/node_modules/.bin/azurite-blob',
} as const;

/** A program of `npm run setup:sources`. */
export function findSourceTool(name: keyof typeof sourceTools): Tool {
  const path = join(tools, sourceTools[name]);
  return isProgram(path)
    ? { path, skip: false }
    : { path: '', skip: `${name} is not installed; npm run setup:sources installs it` };
}

/** The folder of TensorFlow Serving's Python client. */
export function findTensorflowStubs(): Tool {
  const path = join(tools, 'tensorflow-serving');
  return existsSync(join(path, 'tensorflow_serving'))
    ? { path, skip: false }
    : missing("TensorFlow Serving's client");
}

/** A real model's file, as tools/ci/foreign-tools.ts names it. */
export function findRealModel(file: string): Tool {
  const path = join(tools, 'models', file);
  return existsSync(path) ? { path, skip: false } : missing(`the model ${file}`);
}

/** The first reason to skip among several tools; false when all are there. */
export function skipUnless(...needed: readonly Tool[]): string | false {
  return needed.find(({ skip }) => skip !== false)?.skip ?? false;
}
