import { loadOptions } from '../config/load.ts';
import type { ProvidersReport } from '../execution/describe-providers.ts';
import { exitCodes, type Command } from './command.ts';
import {
  checkCpu,
  checkKeysFile,
  checkMemory,
  checkNode,
  checkPlatform,
  checkPort,
  checkProviders,
  checkRepository,
  type Finding,
} from './doctor-checks.ts';
import { printable } from './table.ts';

const help = `Usage: tensorgate doctor [--json] [model repository]... [flags of serve]

Looks at Node, the platform, CPU and memory limits, ONNX Runtime and its GPU providers, and, with the flags that
serve would get, at ports, repositories and the API keys file. Exits with 1 when something would keep the server
from starting.
`;

const marks = { good: 'ok  ', note: 'note', bad: 'BAD ' } as const;

export const doctorCommand: Command = {
  help: () => help,
  async run(args, terminal) {
    const asJson = args.includes('--json');
    const findings = [checkNode(), checkPlatform(), checkCpu(), checkMemory(), ...(await runtimeFindings())];
    const serveArgs = args.filter((arg) => arg !== '--json');
    findings.push(...(await serverFindings(serveArgs, terminal.environment)));
    if (asJson) terminal.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
    else for (const finding of findings) terminal.stdout.write(line(finding));
    return findings.some(({ state }) => state === 'bad') ? exitCodes.failed : exitCodes.ok;
  },
};

function line({ state, what, detail, remedy }: Finding): string {
  const advice = remedy === '' ? '' : `      ${printable(remedy)}\n`;
  return `${marks[state]}  ${what}: ${printable(detail)}\n${advice}`;
}

async function runtimeFindings(): Promise<Finding[]> {
  let report: ProvidersReport;
  try {
    const { describeProviders } = await import('../execution/describe-providers.ts');
    report = await describeProviders();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [{ state: 'bad', what: 'ONNX Runtime', detail, remedy: 'run npm install again on this machine' }];
  }
  return checkProviders(report);
}

async function serverFindings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  const loaded = loadOptions({ args, environment });
  if (loaded.kind === 'refused') {
    const missing = loaded.problems.every((problem) => problem.startsWith('models.repositories is empty'));
    if (missing && args.length === 0) return [checkNothingToServe()];
    return loaded.problems.map((detail) => ({ state: 'bad', what: 'configuration', detail, remedy: '' }));
  }
  const { models, grpc, http, metrics, admin, security } = loaded.options;
  const findings: Finding[] = loaded.notices.map((detail) => ({
    state: 'note',
    what: 'configuration',
    detail,
    remedy: '',
  }));
  findings.push(await checkPort('gRPC port', grpc.address, grpc.port));
  if (http.enabled && !http.onGrpcPort) findings.push(await checkPort('HTTP port', http.address, http.port));
  if (metrics.enabled) findings.push(await checkPort('metrics port', metrics.address, metrics.port));
  if (admin.address !== 'off') findings.push(await checkPort('admin port', admin.address));
  findings.push(...models.repositories.map(checkRepository));
  if (security.apiKeysFile !== undefined) findings.push(checkKeysFile(security.apiKeysFile));
  return findings;
}

function checkNothingToServe(): Finding {
  return {
    state: 'note',
    what: 'models',
    detail: 'no repository was named, so none was looked at',
    remedy: 'tensorgate doctor ./models',
  };
}
